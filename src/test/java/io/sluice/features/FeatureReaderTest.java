package io.sluice.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FeatureReaderTest {
  @TempDir private Path temporary;

  @Test
  void putsTextsInThePlaceOfIds() throws IOException {
    FeatureFolder folder = SyntheticFeatures.write(temporary.resolve("features"), 40, 5, 3);
    FeatureReader reader = new FeatureReader(folder);
    for (int number = 0; number < 40; number++) {
      Feature feature = reader.read(number);
      List<FeatureContext> contexts = SyntheticFeatures.contexts(number, 5, 3);
      assertThat(feature.top().size() + feature.lower().size()).isEqualTo(contexts.size());
      assertThat(feature.dead()).isEqualTo(number % 7 == 6);
      assertThat(feature.histogram().stream().mapToLong(Feature.Bin::count).sum())
          .isEqualTo(feature.count());
      assertThat(feature.activeShare() == null).isEqualTo(number % 5 == 4);
      assertThat(feature.heads()).isEmpty();
      for (int i = 0; i < feature.top().size(); i++) {
        Feature.Context context = feature.top().get(i);
        FeatureContext stored = contexts.get(i);
        assertThat(context.document()).isEqualTo("chapter " + (1 + stored.document()));
        assertThat(context.tokens().get(stored.at()).activation()).isEqualTo(context.activation());
        assertThat(context.tokens().get(stored.at()).text())
            .isEqualTo(" " + SyntheticFeatures.WORDS.get(stored.tokens()[stored.at()]));
      }
    }
  }

  @Test
  void aFeatureThatDoesNotExistIsRefusedWithBothNumbers() throws IOException {
    FeatureFolder folder = SyntheticFeatures.write(temporary.resolve("features"), 40);
    assertThatThrownBy(() -> new FeatureReader(folder).read(40))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("there is no feature 40 in " + folder.path() + "; there are 40, from 0");
  }
}

package io.sluice.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ContextSearchTest {
  private static final int FEATURES = 300;
  private static final int TOP = 5;

  @TempDir private Path temporary;
  private FeatureFolder folder;

  @BeforeEach
  void write() throws IOException {
    folder = SyntheticFeatures.write(temporary.resolve("features"), FEATURES, TOP, 3);
  }

  /** Against a search that marks the characters of active tokens and looks at each occurrence. */
  @ParameterizedTest
  @ValueSource(
      strings = {"whale", "WHALE", "hale", "white whale", "e s", "the sea ship", "o", "\"quoted"})
  void findsFeaturesThatAreActiveOnTheText(String text) {
    List<ContextSearch.Hit> expected = new ArrayList<>();
    for (int feature = 0; feature < FEATURES; feature++) {
      int contexts = 0;
      int all = 0;
      int rank = -1;
      float largest = 0;
      for (FeatureContext context : SyntheticFeatures.contexts(feature, TOP, 3)) {
        if (context.kind() != FeatureContexts.TOP) {
          continue;
        }
        float activation = on(context, text);
        contexts += activation > 0 ? 1 : 0;
        if (activation > largest) {
          largest = activation;
          rank = all;
        }
        all++;
      }
      if (contexts > 0) {
        expected.add(new ContextSearch.Hit(feature, contexts, all, largest, rank));
      }
    }
    expected.sort(
        Comparator.comparingDouble((ContextSearch.Hit hit) -> -(double) hit.contexts() / hit.of())
            .thenComparingDouble(hit -> -hit.activation())
            .thenComparingInt(ContextSearch.Hit::feature));
    List<ContextSearch.Hit> found = new ContextSearch(folder, text).find(FEATURES);
    assertThat(found).isEqualTo(expected);
    assertThat(new ContextSearch(folder, text).find(3))
        .isEqualTo(expected.subList(0, Math.min(3, expected.size())));
  }

  @Test
  void aWordThatIsNowhereHasNoFeatures() {
    assertThat(new ContextSearch(folder, "submarine").find(10)).isEmpty();
    assertThatThrownBy(() -> new ContextSearch(folder, " "))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("blank");
  }

  private static float on(FeatureContext context, String text) {
    StringBuilder whole = new StringBuilder();
    List<Float> activations = new ArrayList<>();
    for (int i = 0; i < context.tokens().length; i++) {
      String token = " " + SyntheticFeatures.WORDS.get(context.tokens()[i]);
      whole.append(token);
      for (int c = 0; c < token.length(); c++) {
        activations.add(context.activations()[i]);
      }
    }
    String lower = whole.toString().toLowerCase(Locale.ROOT);
    String wanted = text.toLowerCase(Locale.ROOT);
    float largest = 0;
    for (int at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, at + 1)) {
      for (int c = at; c < at + wanted.length(); c++) {
        largest = Math.max(largest, activations.get(c));
      }
    }
    return largest;
  }
}

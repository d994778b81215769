package io.sluice.browse;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.features.FeatureContext;
import io.sluice.features.FeatureContexts;
import io.sluice.features.FeatureFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Searches and labels against a plain reading of the contexts. */
class PeakIndexTest {
  private static final int FEATURES = 400;

  @TempDir private Path scratch;

  @Test
  void findsTextsThatMeetTheStrongestToken() throws IOException {
    FeatureFolder folder = NovelFeatures.write(scratch.resolve("f"), FEATURES, 0.1);
    PeakIndex index = PeakIndex.of(folder);
    int found = 0;
    for (String text :
        List.of("the", "of the", "a whale", "ing", "e sea", "\u202e", "Ishmael", ", and", "q")) {
      byte[] bits = index.find(text);
      for (int i = 0; i < FEATURES; i++) {
        boolean fires =
            folder.contexts().of(i, FeatureContexts.TOP).stream()
                .anyMatch(context -> meets(folder, context, text.toLowerCase(Locale.ROOT)));
        assertThat(bits[i >> 3] >> (i & 7) & 1)
            .as("feature " + i + " on '" + text + "'")
            .isEqualTo(fires ? 1 : 0);
        found += fires ? 1 : 0;
      }
    }
    assertThat(found).isGreaterThan(50);
    assertThat(index.find("")).containsOnly(0);
  }

  @Test
  void labelsAreTheStrongestTokensEachOnce() throws IOException {
    FeatureFolder folder = NovelFeatures.write(scratch.resolve("f"), FEATURES, 0.1);
    PeakIndex index = PeakIndex.of(folder);
    for (int i = 0; i < FEATURES; i++) {
      Set<Integer> peaks = new LinkedHashSet<>();
      folder.contexts().of(i, FeatureContexts.TOP).forEach(c -> peaks.add(c.tokens()[c.at()]));
      assertThat(Arrays.stream(index.labels(i)).filter(id -> id >= 0).boxed().toList())
          .isEqualTo(peaks.stream().limit(PeakIndex.LABELS).toList());
    }
  }

  @Test
  void moreFeaturesThanPlaceHoldOneContextEach() throws IOException {
    FeatureFolder folder = NovelFeatures.write(scratch.resolve("f"), FEATURES, 0.1);
    PeakIndex index = PeakIndex.of(folder, FEATURES / 2);
    for (int i = 0; i < FEATURES; i++) {
      List<FeatureContext> top = folder.contexts().of(i, FeatureContexts.TOP);
      int first = top.isEmpty() ? -1 : top.getFirst().tokens()[top.getFirst().at()];
      assertThat(index.labels(i)).containsExactly(first, -1, -1);
    }
  }

  /** Whether four tokens before to three after hold the text so that it meets the token between. */
  private static boolean meets(FeatureFolder folder, FeatureContext context, String wanted) {
    StringBuilder all = new StringBuilder();
    int start = 0;
    int end = 0;
    int from = Math.max(0, context.at() - 4);
    int to = Math.min(context.tokens().length, context.at() + 4);
    for (int i = from; i < to; i++) {
      start = i == context.at() ? all.length() : start;
      all.append(folder.tokens().text(context.tokens()[i]).toLowerCase(Locale.ROOT));
      end = i == context.at() ? all.length() : end;
    }
    int at = all.indexOf(wanted);
    while (at >= 0 && !(at < end && at + wanted.length() > start)) {
      at = all.indexOf(wanted, at + 1);
    }
    return at >= 0;
  }
}

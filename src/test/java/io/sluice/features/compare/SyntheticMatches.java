package io.sluice.features.compare;

import io.sluice.dictionary.matching.Matches;
import java.io.IOException;
import java.nio.file.Path;

/** Files of matches with known content, for tests. */
public final class SyntheticMatches {
  private SyntheticMatches() {}

  /**
   * Writes a file in which feature {@code i} of either side matches {@code i}, {@code i + 1}, … of
   * the other, around its end, with cosines 0.9, 0.8, …
   */
  public static void write(Path file, MatchFile.Side first, MatchFile.Side second)
      throws IOException {
    Matches from = matches(first.features(), second.features());
    Matches back = matches(second.features(), first.features());
    MatchFile.write(file, first, second, from, back, Assignment.of(from));
  }

  private static Matches matches(int rows, int others) {
    Matches made = Matches.empty(rows, others, Math.min(8, others));
    for (int row = 0; row < rows; row++) {
      made.counts()[row] = made.most();
      for (int i = 0; i < made.most(); i++) {
        made.candidates()[row * made.most() + i] = (row + i) % others;
        made.scores()[row * made.most() + i] = 0.9f - 0.1f * i;
      }
    }
    return made;
  }
}

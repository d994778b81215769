package io.sluice.cli.console;

import java.util.Collection;
import java.util.Optional;

/** Finds the known word that is nearest to a misspelt one. */
final class Spelling {
  private static final int LONGEST = 64;

  private Spelling() {}

  /**
   * The word of {@code known} that takes the fewest changes, if a third of the letters are enough;
   * a word that was cut short stands for the one that it begins.
   */
  static Optional<String> nearest(String word, Collection<String> known) {
    if (word.length() > LONGEST || letters(word) < 2) {
      return Optional.empty();
    }
    String nearest = null;
    int least = Math.max(1, letters(word) / 3) + 1;
    for (String each : known) {
      int changes = each.startsWith(word) ? 1 : changes(word, each);
      if (changes < least) {
        least = changes;
        nearest = each;
      }
    }
    return Optional.ofNullable(nearest);
  }

  private static int letters(String word) {
    return (int) word.chars().filter(c -> c != '-').count();
  }

  /** Letters to add, drop, replace or swap with their neighbour until {@code a} is {@code b}. */
  static int changes(String a, String b) {
    int[][] least = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          least[i][j] = i + j;
          continue;
        }
        int replaced = least[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        least[i][j] = Math.min(replaced, 1 + Math.min(least[i - 1][j], least[i][j - 1]));
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          least[i][j] = Math.min(least[i][j], least[i - 2][j - 2] + 1);
        }
      }
    }
    return least[a.length()][b.length()];
  }
}

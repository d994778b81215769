package io.sluice.engine.arithmetic;

import java.util.List;

/**
 * Nested dictionaries, by number: level {@code l} reconstructs with the features before its end.
 * With errors {@code e_l} of all {@code L} levels and {@code g_l = 2·e_l / (rows · L)}, a feature
 * of the levels from {@code s} on has the gradient {@code G_s = Σ_{l ≥ s} g_l}, and the decoder
 * bias {@code G_0}.
 */
public final class Prefixes {
  private final int[] ends;

  public Prefixes(List<Integer> ends) {
    this.ends = ends.stream().mapToInt(Integer::intValue).toArray();
  }

  /** The number of nested dictionaries. */
  public int levels() {
    return ends.length;
  }

  /** The first level that has a feature. */
  public int levelOf(int feature) {
    int level = 0;
    while (feature >= ends[level]) {
      level++;
    }
    return level;
  }

  /**
   * The index at which the entries of a level end, among entries with ascending features.
   *
   * @param from where they may begin
   * @param to the end of all
   */
  public int end(Codes codes, int level, int from, int to) {
    int end = from;
    while (end < to && codes.feature(end) < ends[level]) {
      end++;
    }
    return end;
  }
}

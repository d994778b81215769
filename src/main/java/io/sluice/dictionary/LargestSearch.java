package io.sluice.dictionary;

import io.sluice.memory.Workers;
import io.sluice.simd.single.RowEncoder;

/**
 * The features with the largest scores above their thresholds, in one pass: TopK, and all functions
 * that compare with thresholds.
 *
 * @param most k, or the number of all features where thresholds decide
 */
record LargestSearch(RowEncoder rows, int most) implements Search {
  @Override
  public void encode(
      Work work,
      int count,
      Workers workers,
      int k,
      int[] features,
      float[] values,
      int at,
      int[] counts,
      int countsAt) {
    rows.encode(work.scratch, count, workers, features, values, at, counts, countsAt);
  }
}

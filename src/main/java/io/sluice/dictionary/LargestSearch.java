package io.sluice.dictionary;

import io.sluice.simd.single.RowEncoder;

/**
 * The features with the largest scores above their thresholds, in one pass: TopK, and all functions
 * that compare with thresholds.
 *
 * @param most k, or the number of all features where thresholds decide
 */
record LargestSearch(RowEncoder rows, int most) implements Search {}

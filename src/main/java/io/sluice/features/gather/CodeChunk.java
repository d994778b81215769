package io.sluice.features.gather;

/**
 * Some codes of a group of consecutive features, on their way from the process that encodes to the
 * one that describes the group.
 *
 * @param group the group
 * @param order its place among the chunks of the group, of all blocks; there are gaps
 * @param codes {@code [3 · n]}: feature, row of the store, bits of the activation; by row
 */
public record CodeChunk(int group, long order, int[] codes) {
  /** Numbers of a code. */
  static final int INTS = 3;
}

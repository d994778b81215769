package io.sluice.tokenizer.model;

import java.util.Arrays;

/**
 * The merges of BPE: which two tokens become one, and their rank; smaller ranks are merged first.
 */
final class MergeTable {
  static final int NONE = -1;

  private final long[] pairs;
  private final int[] ranks;
  private final int[] merged;

  /**
   * @param count how many will be put
   */
  MergeTable(int count) {
    int capacity = Integer.highestOneBit(Math.max(4, count)) * 4;
    pairs = new long[capacity];
    ranks = new int[capacity];
    merged = new int[count];
    Arrays.fill(pairs, -1);
  }

  /** Says what a pair becomes; a pair that comes twice has the later rank. */
  void put(int left, int right, int rank, int id) {
    long pair = pair(left, right);
    int slot = slot(pair);
    pairs[slot] = pair;
    ranks[slot] = rank;
    merged[rank] = id;
  }

  /** The rank of a pair, or {@link #NONE}. */
  int rank(int left, int right) {
    int slot = slot(pair(left, right));
    return pairs[slot] == -1 ? NONE : ranks[slot];
  }

  /** What the pair of a rank becomes. */
  int merged(int rank) {
    return merged[rank];
  }

  private int slot(long pair) {
    int mask = pairs.length - 1;
    int slot = (int) (pair * 0x9E3779B97F4A7C15L >>> 32) & mask;
    while (pairs[slot] != -1 && pairs[slot] != pair) {
      slot = slot + 1 & mask;
    }
    return slot;
  }

  private static long pair(int left, int right) {
    return (long) left << 32 | right;
  }
}

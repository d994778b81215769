package io.sluice.simd.batch;

import java.util.Arrays;

/**
 * The k largest ranks of each of many tokens, kept as heaps in one array. An entry is one number:
 * the bits of its rank, which is positive and so ordered as its bits are, above the complement of
 * its feature. Of equal ranks the lower feature is therefore the larger entry, and what is kept
 * does not depend on the order in which it was offered.
 */
final class TopKHeaps {
  private static final long LOW = 0xffff_ffffL;

  private long[] entries = new long[0];
  private int[] held = new int[0];
  private int k;

  /** Starts anew with nothing held. */
  void reset(int tokens, int k) {
    this.k = k;
    int slots = Math.multiplyExact(tokens, k);
    if (entries.length < slots) {
      entries = new long[slots];
    }
    if (held.length < tokens) {
      held = new int[tokens];
    }
    Arrays.fill(held, 0, tokens, 0);
  }

  /** The rank that a feature must at least have to be kept; 0 while there is room. */
  float least(int token) {
    return held[token] < k ? 0 : rank(entries[token * k]);
  }

  /**
   * Keeps a feature if it is among the k largest.
   *
   * @param rank positive, or the feature is not kept
   * @return whether it was kept
   */
  boolean offer(int token, int feature, float rank) {
    if (!(rank > 0)) {
      return false;
    }
    long entry = (long) Float.floatToRawIntBits(rank) << 32 | ~feature & LOW;
    int root = token * k;
    if (held[token] < k) {
      int at = held[token]++;
      while (at > 0) {
        int parent = (at - 1) >>> 1;
        if (entries[root + parent] <= entry) {
          break;
        }
        entries[root + at] = entries[root + parent];
        at = parent;
      }
      entries[root + at] = entry;
      return true;
    }
    if (entry < entries[root]) {
      return false;
    }
    int at = 0;
    for (int child = 1; child < k; child = 2 * at + 1) {
      if (child + 1 < k && entries[root + child + 1] < entries[root + child]) {
        child++;
      }
      if (entry <= entries[root + child]) {
        break;
      }
      entries[root + at] = entries[root + child];
      at = child;
    }
    entries[root + at] = entry;
    return true;
  }

  /**
   * Copies out what a token kept, in ascending order of features, and forgets the heap's order.
   *
   * @return how many there are
   */
  int drain(int token, int[] features, float[] ranks, int at) {
    int from = token * k;
    int count = held[token];
    for (int i = from; i < from + count; i++) {
      entries[i] = (~entries[i] & LOW) << 32 | entries[i] >>> 32;
    }
    Arrays.sort(entries, from, from + count);
    for (int i = 0; i < count; i++) {
      features[at + i] = (int) (entries[from + i] >>> 32);
      ranks[at + i] = Float.intBitsToFloat((int) entries[from + i]);
    }
    held[token] = 0;
    return count;
  }

  private static float rank(long entry) {
    return Float.intBitsToFloat((int) (entry >>> 32));
  }
}

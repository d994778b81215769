package io.sluice.simd.batch;

import io.sluice.memory.ScratchArrays;
import java.util.Arrays;

/**
 * The k largest scores of each of many tokens, kept as heaps in one array. An entry is one number:
 * the bits of its score, which is positive and so ordered as its bits are, above the complement of
 * its feature. Of equal scores the lower feature is therefore the larger entry, and the entries
 * that are kept do not depend on the order in which they are offered.
 */
public final class TopKHeaps {
  private static final long LOW = 0xffff_ffffL;

  /** The JDK sorts so few in place; for more it allocates. */
  private static final int SORTED_IN_PLACE = 32;

  private long[] entries = new long[0];

  /** Half-sorted entries of one token, and where those with the same digit go. */
  private long[] half = new long[0];

  private final int[] next = new int[1 << Byte.SIZE];
  private int[] held = new int[0];
  private int k;

  /**
   * Removes all entries.
   *
   * @param tokens how many, at least 0
   * @param k what each keeps, at least 1
   * @throws IllegalArgumentException if a number is less
   */
  public void reset(int tokens, int k) {
    if (tokens < 0 || k < 1) {
      throw new IllegalArgumentException("the " + k + " largest of " + tokens + " tokens");
    }
    this.k = k;
    int slots = Math.multiplyExact(tokens, k);
    entries = ScratchArrays.atLeast(entries, slots);
    held = ScratchArrays.atLeast(held, tokens);
    if (k > SORTED_IN_PLACE) {
      half = ScratchArrays.atLeast(half, k);
    }
    Arrays.fill(held, 0, tokens, 0);
  }

  /** The least score with which a feature is kept; 0 while there is room. */
  public float least(int token) {
    return held[token] < k ? 0 : score(entries[token * k]);
  }

  /** Drops the entries of a token. */
  public void clear(int token) {
    held[token] = 0;
  }

  /** Offers a token all that it holds in other heaps. */
  public void offerAll(int token, TopKHeaps other) {
    int from = token * other.k;
    for (int i = from; i < from + other.held[token]; i++) {
      offer(token, ~(int) other.entries[i], score(other.entries[i]));
    }
  }

  /**
   * Keeps a feature if it is among the k largest.
   *
   * @param score positive, or the feature is not kept
   * @return whether it was kept
   */
  public boolean offer(int token, int feature, float score) {
    if (!(score > 0)) {
      return false;
    }
    long entry = (long) Float.floatToRawIntBits(score) << 32 | ~feature & LOW;
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
   * @return the number of entries
   */
  public int drain(int token, int[] features, float[] scores, int at) {
    int from = token * k;
    int count = held[token];
    for (int i = from; i < from + count; i++) {
      entries[i] = (~entries[i] & LOW) << 32 | entries[i] >>> 32;
    }
    if (count <= SORTED_IN_PLACE) {
      Arrays.sort(entries, from, from + count);
    } else {
      sort(from, count);
    }
    for (int i = 0; i < count; i++) {
      features[at + i] = (int) (entries[from + i] >>> 32);
      scores[at + i] = Float.intBitsToFloat((int) entries[from + i]);
    }
    held[token] = 0;
    return count;
  }

  /** Sorts entries that begin with their features, byte by byte of these, without allocation. */
  private void sort(int from, int count) {
    long differing = 0;
    for (int i = from; i < from + count; i++) {
      differing |= entries[i] ^ entries[from];
    }
    long[] source = entries;
    int sourceAt = from;
    long[] target = half;
    int targetAt = 0;
    for (int shift = Integer.SIZE; shift < Long.SIZE; shift += Byte.SIZE) {
      if ((differing >>> shift & 0xff) == 0) {
        continue;
      }
      pass(source, sourceAt, target, targetAt, count, shift);
      long[] sorted = target;
      int sortedAt = targetAt;
      target = source;
      targetAt = sourceAt;
      source = sorted;
      sourceAt = sortedAt;
    }
    if (source != entries) {
      System.arraycopy(source, sourceAt, entries, from, count);
    }
  }

  /** Copies entries in the order of one byte; those with the same keep theirs. */
  private void pass(
      long[] source, int sourceAt, long[] target, int targetAt, int count, int shift) {
    Arrays.fill(next, 0);
    for (int i = sourceAt; i < sourceAt + count; i++) {
      next[(int) (source[i] >>> shift) & 0xff]++;
    }
    int place = targetAt;
    for (int digit = 0; digit < next.length; digit++) {
      int same = next[digit];
      next[digit] = place;
      place += same;
    }
    for (int i = sourceAt; i < sourceAt + count; i++) {
      target[next[(int) (source[i] >>> shift) & 0xff]++] = source[i];
    }
  }

  private static float score(long entry) {
    return Float.intBitsToFloat((int) (entry >>> 32));
  }
}

package io.sluice.store;

import java.io.IOException;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * The rows that pass a filter, numbered from 0 without gaps. Kept as one bit per row with a running
 * count every 512 rows, so that the n-th row is found by a search among the counts and a few
 * popcounts.
 */
final class RowSelection {
  private static final int WORDS_PER_BLOCK = 8;

  private final long count;
  private final long[] bits; // null: every row
  private final long[] before; // rows selected before each block

  private RowSelection(long count, long[] bits, long[] before) {
    this.count = count;
    this.bits = bits;
    this.before = before;
  }

  /**
   * Evaluates the filter for each row of a store that its manifest does not leave out.
   *
   * @param columns the hook points that are read
   * @throws IOException if a file cannot be read
   */
  static RowSelection of(ActivationStore store, RowFilter filter, List<String> columns)
      throws IOException {
    if (filter == RowFilter.ALL && store.exclusion().isEmpty()) {
      return new RowSelection(store.rows(), null, null);
    }
    long[] bits = new long[Math.toIntExact((store.rows() + 63) / 64)];
    for (Shard shard : store.shards()) {
      BitSet kept = store.kept(shard, filter, columns);
      for (int i = kept.nextSetBit(0); i >= 0; i = kept.nextSetBit(i + 1)) {
        long row = shard.firstRow() + i;
        bits[(int) (row >>> 6)] |= 1L << row;
      }
    }
    long[] before = new long[bits.length / WORDS_PER_BLOCK + 1];
    long count = 0;
    for (int word = 0; word < bits.length; word++) {
      if (word % WORDS_PER_BLOCK == 0) {
        before[word / WORDS_PER_BLOCK] = count;
      }
      count += Long.bitCount(bits[word]);
    }
    if (bits.length % WORDS_PER_BLOCK == 0) {
      before[bits.length / WORDS_PER_BLOCK] = count;
    }
    return new RowSelection(count, bits, before);
  }

  /** How many rows are selected. */
  long count() {
    return count;
  }

  /** The index in the store of the {@code index}-th selected row. */
  long row(long index) {
    if (bits == null) {
      return index;
    }
    int found = Arrays.binarySearch(before, index);
    int block = found >= 0 ? found : -found - 2;
    // Blocks with nothing selected repeat their count; the row lies in the last of them.
    while (block + 1 < before.length && before[block + 1] <= index) {
      block++;
    }
    long left = index - before[block];
    for (int word = block * WORDS_PER_BLOCK; ; word++) {
      int here = Long.bitCount(bits[word]);
      if (left < here) {
        return ((long) word << 6) + bit(bits[word], (int) left);
      }
      left -= here;
    }
  }

  private static int bit(long word, int skip) {
    for (int i = 0; i < skip; i++) {
      word &= word - 1;
    }
    return Long.numberOfTrailingZeros(word);
  }
}

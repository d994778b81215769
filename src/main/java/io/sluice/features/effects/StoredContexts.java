package io.sluice.features.effects;

import io.sluice.memory.ScratchArrays;
import io.sluice.model.tokens.SpecialTokens;
import io.sluice.store.ActivationStore;
import io.sluice.store.Shard;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The contexts of a store as the model read them. Rows of one context are next to each other;
 * special tokens that were not stored are added again.
 */
final class StoredContexts {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

  private final ActivationStore store;
  private final SpecialTokens special;
  private final long[] starts;

  /** How many special tokens come before the first row of a context and are not stored. */
  private final int unstored;

  private StoredContexts(
      ActivationStore store, SpecialTokens special, long[] starts, int unstored) {
    this.store = store;
    this.special = special;
    this.starts = starts;
    this.unstored = unstored;
  }

  /**
   * Finds the contexts by reading positions and documents once.
   *
   * @param special the special tokens of the model
   * @throws IOException if a file cannot be read, there are no token ids or positions, contexts
   *     overlap, or special tokens that are not stored are others than the model's
   */
  static StoredContexts of(ActivationStore store, SpecialTokens special) throws IOException {
    store.require(Column.TOKEN_ID);
    store.require(Column.POSITION);
    long[] starts = new long[1024];
    int count = 0;
    int next = 0;
    int document = -1;
    int first = -1;
    for (Shard shard : store.shards()) {
      int[] positions = numbers(shard, Column.POSITION, 0, shard.rows());
      int[] documents = numbers(shard, Column.DOCUMENT_ID, 0, shard.rows());
      for (int i = 0; i < positions.length; i++) {
        if (count == 0 || positions[i] != next || documents[i] != document) {
          first = count == 0 ? positions[i] : first;
          if (positions[i] != first || (first != 0 && first != special.prefix().length)) {
            throw new IOException(
                ("%s: row %d begins a context at position %d, so tokens before it are not stored:"
                        + " contexts overlap, or the model has other special tokens; capture"
                        + " without --stride")
                    .formatted(store.place(), shard.firstRow() + i, positions[i]));
          }
          starts = ScratchArrays.extended(starts, count + 1);
          starts[count++] = shard.firstRow() + i;
        }
        next = positions[i] + 1;
        document = documents[i];
      }
    }
    return new StoredContexts(store, special, Arrays.copyOf(starts, count), Math.max(0, first));
  }

  /** The number of contexts. */
  int count() {
    return starts.length;
  }

  /** The context of a row. */
  int of(long row) {
    int found = Arrays.binarySearch(starts, row);
    return found >= 0 ? found : -found - 2;
  }

  /** The position of a row in its context, where unstored special tokens count. */
  int position(int context, long row) {
    return (int) (row - starts[context]) + unstored;
  }

  /** Special tokens at the beginning of every context that have no row. */
  int unstored() {
    return unstored;
  }

  /** The token ids of a context, special tokens included. */
  int[] ids(int context) throws IOException {
    long end = context + 1 < starts.length ? starts[context + 1] : store.rows();
    int[] rows = new int[(int) (end - starts[context])];
    for (Shard shard : store.shards()) {
      long from = Math.max(starts[context], shard.firstRow());
      long to = Math.min(end, shard.firstRow() + shard.rows());
      if (from < to) {
        int[] part =
            numbers(
                shard,
                Column.TOKEN_ID,
                (int) (from - shard.firstRow()),
                (int) (to - shard.firstRow()));
        System.arraycopy(part, 0, rows, (int) (from - starts[context]), part.length);
      }
    }
    return unstored == 0 ? rows : special.around(rows);
  }

  private static int[] numbers(Shard shard, String column, int from, int to) throws IOException {
    try {
      MemorySegment data = shard.data(column, from, to);
      return data.toArray(INT);
    } catch (InternalError e) {
      throw shard.unreadable(e);
    }
  }
}

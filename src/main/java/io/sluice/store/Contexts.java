package io.sluice.store;

import io.sluice.memory.DType;
import io.sluice.memory.ScratchArrays;
import io.sluice.store.files.Column;
import io.sluice.store.files.ShardLayout;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.LongPredicate;
import java.util.stream.IntStream;

/**
 * The contexts of a store: the rows of the tokens that the model processed together, in the order
 * of the store, each whole from position 0. {@link Batches} gives rows, this class gives sequences.
 */
public final class Contexts {
  private final ActivationStore store;
  private final long[] starts;
  private final int[] lengths;
  private final int longest;

  private Contexts(ActivationStore store, long[] starts, int[] lengths) {
    this.store = store;
    this.starts = starts;
    this.lengths = lengths;
    this.longest = Arrays.stream(lengths).max().orElse(0);
  }

  /**
   * Finds the contexts by reading positions and documents once.
   *
   * @throws IOException if a file cannot be read, the store is empty, without positions or leaves
   *     tokens out, or lacks the rows before one of its rows in the same context: special tokens
   *     that were not stored, or contexts that overlap
   */
  public static Contexts of(ActivationStore store) throws IOException {
    requireAll(store);
    store.require(Column.POSITION);
    long[] starts = new long[1024];
    int count = 0;
    int nextPosition = 0;
    int document = -1;
    for (Shard shard : store.shards()) {
      int[] positions = shard.numbers(ShardLayout.POSITION);
      int[] documents = shard.numbers(ShardLayout.DOCUMENT_ID);
      for (int i = 0; i < shard.rows(); i++) {
        int position = positions[i];
        int itsDocument = documents[i];
        if (position == 0) {
          starts = ScratchArrays.extended(starts, count + 1);
          starts[count++] = shard.firstRow() + i;
        } else if (position != nextPosition || itsDocument != document) {
          throw new IOException(
              ("%s: row %d is at position %d of a context whose tokens before it are not stored;"
                      + " capture with --special-tokens and without --stride")
                  .formatted(store.place(), shard.firstRow() + i, position));
        }
        nextPosition = position + 1;
        document = itsDocument;
      }
    }
    if (count == 0) {
      throw new IOException(store.place() + ": the store has no rows; capture a text first");
    }
    starts = Arrays.copyOf(starts, count);
    int[] lengths = new int[count];
    for (int i = 0; i < count; i++) {
      lengths[i] = (int) ((i + 1 < count ? starts[i + 1] : store.rows()) - starts[i]);
    }
    return new Contexts(store, starts, lengths);
  }

  /** Contexts are sequences of all tokens, so none can be left out of one. */
  private static void requireAll(ActivationStore store) throws IOException {
    if (!store.exclusion().isEmpty()) {
      throw new IOException(
          store.place()
              + ": its manifest leaves tokens out ("
              + store.exclusion()
              + "), and low-rank sparse attention needs all tokens of a context; capture without"
              + " --exclude-ids and --max-norm-multiple");
    }
  }

  /** The contexts whose first row passes {@code firstRow}, in their order. */
  public Contexts where(LongPredicate firstRow) {
    int[] kept =
        IntStream.range(0, count()).filter(context -> firstRow.test(starts[context])).toArray();
    return new Contexts(
        store,
        Arrays.stream(kept).mapToLong(context -> starts[context]).toArray(),
        Arrays.stream(kept).map(context -> lengths[context]).toArray());
  }

  /** The number of rows of all contexts together. */
  public long rows() {
    return Arrays.stream(lengths).asLongStream().sum();
  }

  /** The store. */
  public ActivationStore store() {
    return store;
  }

  /** How many contexts there are. */
  public int count() {
    return starts.length;
  }

  /** The index in the store of a context's first row. */
  public long firstRow(int context) {
    return starts[Objects.checkIndex(context, count())];
  }

  /** Rows of a context. */
  public int length(int context) {
    return lengths[Objects.checkIndex(context, count())];
  }

  /** Rows of the longest context. */
  public int longest() {
    return longest;
  }

  /**
   * The contexts of one step of a shuffled order with an unlimited number of epochs; each epoch is
   * another permutation of all contexts. The result depends only on the arguments.
   *
   * @param step counted from 0
   * @param size contexts per step, at least 1
   */
  public int[] shuffled(long seed, long step, int size) {
    int[] chosen = new int[size];
    Permutation permutation = new Permutation(count());
    long epoch = -1;
    for (int i = 0; i < size; i++) {
      long index = Math.addExact(Math.multiplyExact(step, (long) size), i);
      if (index / count() != epoch) {
        epoch = index / count();
        permutation.key(seed, epoch);
      }
      chosen[i] = (int) permutation.at(index % count());
    }
    return chosen;
  }

  /**
   * Copies contexts, converted to float32 and padded with zeros.
   *
   * @param contexts which
   * @param length rows per context in the target, at least that of the longest of them
   * @param target float32 {@code [contexts, length, width]}
   * @throws IOException if a value is NaN or infinite (the message names column and row), or a file
   *     was truncated after the store was opened
   * @throws IllegalArgumentException if the store has no such column of activations, or the target
   *     has another size
   */
  public void read(String column, int[] contexts, int length, MemorySegment target)
      throws IOException {
    Column stored = store.column(column);
    int index = store.indexOf(column);
    long rowBytes = (long) stored.width() * Float.BYTES;
    if (stored.isTokenColumn() || target.byteSize() != contexts.length * length * rowBytes) {
      throw new IllegalArgumentException(
          "%d contexts of %d rows of '%s' are not float32 in %d bytes"
              .formatted(contexts.length, length, column, target.byteSize()));
    }
    target.fill((byte) 0);
    for (int i = 0; i < contexts.length; i++) {
      int rows = length(contexts[i]);
      if (rows > length) {
        throw new IllegalArgumentException(
            "context " + contexts[i] + " has " + rows + " rows, more than " + length);
      }
      long at = (long) i * length * rowBytes;
      copy(stored, index, starts[contexts[i]], rows, target, at);
      MemorySegment copied = target.asSlice(at, rows * rowBytes);
      long bad = Elements.firstNonFinite(copied, DType.F32);
      if (bad >= 0) {
        throw new IOException(
            "%s: column '%s', row %d is %s; capture again without it"
                .formatted(
                    store.place(),
                    column,
                    starts[contexts[i]] + bad / stored.width(),
                    Elements.get(copied, DType.F32, bad)));
      }
    }
  }

  /** Copies consecutive rows, which may lie in several shards. */
  private void copy(
      Column column, int index, long firstRow, int rows, MemorySegment target, long at)
      throws IOException {
    int done = 0;
    while (done < rows) {
      long row = firstRow + done;
      Shard shard = store.shardAt(row);
      int start = (int) (row - shard.firstRow());
      int count = Math.min(rows - done, shard.rows() - start);
      MemorySegment stored = shard.data(index, start, start + count);
      try {
        Elements.widen(
            stored,
            0,
            column.dtype(),
            target,
            at + (long) done * column.width() * Float.BYTES,
            count * column.width());
      } catch (InternalError e) {
        throw shard.unreadable(e);
      }
      done += count;
    }
  }
}

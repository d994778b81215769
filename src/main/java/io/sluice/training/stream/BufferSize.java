package io.sluice.training.stream;

import io.sluice.store.HeldOut;
import io.sluice.store.files.Column;
import io.sluice.store.files.ShardFile;
import io.sluice.store.files.ShardLayout;
import java.util.List;
import java.util.Locale;

/**
 * How shards share a buffer of limited size. Two windows of whole shards are in it at a time, the
 * one that is trained on and the one that is being captured, and the held-out tokens of the first.
 * If all rows fit, they are one window.
 *
 * @param bytes the most bytes of the files in it
 * @param rowsPerShard rows of each shard but the last
 * @param shardBytes the length of a full shard's file
 * @param shardsPerWindow shards of each window but the last
 */
public record BufferSize(long bytes, int rowsPerShard, long shardBytes, int shardsPerWindow) {
  /** Windows of fewer shards would wait for each other. */
  private static final int LEAST_SHARDS = 4;

  private static final int FEWEST_ROWS = 256;
  private static final int MOST_SHARD_ROWS = 1 << 20;
  private static final long USUAL_SHARD = 64L << 20;

  /** The manifest of the held-out tokens, and files that only hold a lock. */
  private static final long SMALL_FILES = 64 << 10;

  private static final int MOST_ROWS = 1 << 30;

  /**
   * Cuts a buffer.
   *
   * @param columns the hook points that are captured
   * @param batch tokens per step
   * @param heldOut the share of the first window that is held out
   * @param context tokens of a context
   * @throws IllegalArgumentException if a window would not have several batches; the message says
   *     how large the buffer must be
   */
  static BufferSize of(long bytes, List<Column> columns, int batch, double heldOut, int context) {
    long perRow = columns.stream().mapToLong(Column::bytesPerRow).sum();
    // Not of the size of the heap, as a store's: a resumed run has to cut in the same way.
    int rows = Math.clamp(Long.highestOneBit(USUAL_SHARD / perRow), FEWEST_ROWS, MOST_SHARD_ROWS);
    BufferSize size = cut(bytes, columns, rows, heldOut, context);
    while (size.shardsPerWindow < LEAST_SHARDS && rows > FEWEST_ROWS) {
      rows /= 2;
      size = cut(bytes, columns, rows, heldOut, context);
    }
    long least = (long) LEAST_SHARDS * batch;
    if (size.rowsPerWindow() < least) {
      int shards = (int) Math.min(MOST_ROWS / rows, Math.ceilDiv(least, (long) rows));
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a buffer of %,d bytes is too small: two windows of %,d tokens, four batches each,"
                  + " take %,d bytes",
              bytes,
              least,
              taken(shards, rows, size.shardBytes, heldOut, context)));
    }
    return size;
  }

  private static BufferSize cut(
      long bytes, List<Column> columns, int rows, double heldOut, int context) {
    long shard = ShardFile.bytes(new ShardLayout(ShardLayout.allColumns(columns), rows));
    int low = 0;
    int high = MOST_ROWS / rows;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (taken(middle, rows, shard, heldOut, context) <= bytes) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return new BufferSize(bytes, rows, shard, low);
  }

  /** The most bytes of two windows and the tokens held out of one. */
  private static long taken(int shards, int rows, long shardBytes, double heldOut, int context) {
    double most =
        heldOut == 0 ? 0 : heldOut * shards * rows + HeldOut.LEAST_TOKENS + Math.max(context, 1);
    long others = (long) Math.ceil(most / rows);
    return (2L * shards + others) * shardBytes + SMALL_FILES;
  }

  /** Rows of each window but the last. */
  long rowsPerWindow() {
    return (long) shardsPerWindow * rowsPerShard;
  }

  /** The most rows that fit as one window. */
  long mostRows() {
    return (bytes - SMALL_FILES) / shardBytes * rowsPerShard;
  }
}

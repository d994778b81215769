package io.sluice.simd.layers;

import io.sluice.memory.NativeMemory;
import java.lang.foreign.MemorySegment;

/**
 * Attention over rows that hold queries, keys and values side by side, as one product with the
 * joined projection leaves them.
 *
 * <p>Results do not depend on the number of threads. An object may be used by one thread at a time.
 */
public interface Attention {
  /**
   * The weighted values.
   *
   * @param rows {@code [contexts, capacity, rowWidth]} float32, native
   * @param angles rotate queries and keys by position; null for none
   * @param out {@code [contexts, queries, heads · headDim]} float32, native
   * @throws IllegalArgumentException if there are not angles for all positions or the heads are too
   *     narrow for them
   * @throws IndexOutOfBoundsException if the memory is too small
   * @throws IllegalArgumentException if it is on the heap, or that of {@code out} may only be read
   * @throws IllegalStateException if it was freed
   */
  void run(
      AttentionHeads heads,
      RotaryAngles angles,
      Batch batch,
      MemorySegment rows,
      MemorySegment out);

  /**
   * One batch.
   *
   * @param contexts number of contexts
   * @param capacity rows from the start of one context to the next
   * @param first the first row of each context that is a query; rows before it are keys and values
   *     only
   * @param length rows of a context
   * @param lengths per context, how many of its rows are keys; the others are padding
   */
  record Batch(int contexts, int capacity, int first, int length, int[] lengths) {
    /** Rows of the longest context: with a panel more, they still count in 31 bits. */
    public static final int MOST_ROWS = 1 << 30;

    /**
     * Checks the numbers and copies the array.
     *
     * @throws IllegalArgumentException if they do not fit each other
     */
    public Batch {
      if (contexts < 1
          || length < 1
          || length > MOST_ROWS
          || capacity < length
          || first < 0
          || first >= length
          || lengths.length != contexts) {
        throw new IllegalArgumentException(
            "%d contexts of %d rows from %d in %d, %d lengths"
                .formatted(contexts, length, first, capacity, lengths.length));
      }
      lengths = lengths.clone();
      for (int keys : lengths) {
        if (keys < 1 || keys > length) {
          throw new IllegalArgumentException("a context of " + keys + " rows in " + length);
        }
      }
    }

    /** A batch without a past. */
    public static Batch of(int length, int[] lengths) {
      return new Batch(lengths.length, length, 0, length, lengths);
    }

    /** A copy. */
    @Override
    public int[] lengths() {
      return lengths.clone();
    }

    /** How many rows of a context are keys. */
    public int keys(int context) {
      return lengths[context];
    }

    /** Rows of output per context. */
    public int queries() {
      return length - first;
    }

    /** Checks a batch's memory and angles. */
    void check(AttentionHeads heads, RotaryAngles angles, MemorySegment rows, MemorySegment out) {
      check(heads, angles, rows);
      long outBytes = (long) heads.outputWidth() * Float.BYTES;
      NativeMemory.written(out, (long) contexts * queries(), outBytes);
    }

    /** Checks the rows that are read, and the angles. */
    void check(AttentionHeads heads, RotaryAngles angles, MemorySegment rows) {
      long rowBytes = (long) heads.rowWidth() * Float.BYTES;
      long lastRow = (long) (contexts - 1) * capacity + length;
      NativeMemory.read(rows, lastRow, rowBytes);
      if (angles != null
          && (angles.positions() < length || 2L * angles.pairs() > heads.headDim())) {
        throw new IllegalArgumentException(
            "angles of %d pairs at %d positions for heads of %d at %d"
                .formatted(angles.pairs(), angles.positions(), heads.headDim(), length));
      }
    }
  }
}

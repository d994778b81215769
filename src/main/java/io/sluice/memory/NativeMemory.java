package io.sluice.memory;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Native memory by address, for inner loops. A loop over segments is compiled for the kinds of
 * segments seen so far, and compiled again for each new kind; sometimes a call then remains in the
 * inner loop. Over {@link #ALL}, which is a constant, it is compiled once, in a fraction of the
 * time, and is always fast.
 *
 * <p>A segment checks each access. The callers of such a loop check once, with {@link #read} and
 * {@link #written}: that the memory is native, large enough, not freed, and writable if it is
 * written. They run the loop inside {@link io.sluice.memory.LiveMemory#during}, so that no other
 * thread frees the memory meanwhile.
 */
public final class NativeMemory {
  /** A segment that spans all addresses. */
  public static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private NativeMemory() {}

  /**
   * Where memory starts of which rows are read.
   *
   * @param rows how many, at least 0
   * @param rowBytes bytes of each, at least 0
   * @throws IndexOutOfBoundsException if the memory is smaller
   * @throws IllegalArgumentException if it is on the heap
   * @throws IllegalStateException if it was freed
   */
  public static long read(MemorySegment memory, long rows, long rowBytes) {
    Objects.checkFromIndexSize(0, bytes(rows, rowBytes), memory.byteSize());
    if (!memory.isNative()) {
      throw new IllegalArgumentException("memory must be native, not on the heap");
    }
    if (!memory.scope().isAlive()) {
      throw new IllegalStateException("memory that was freed");
    }
    return memory.address();
  }

  /**
   * Where memory starts of which rows are written; as {@link #read}.
   *
   * @throws IllegalArgumentException also if the memory may only be read
   */
  public static long written(MemorySegment memory, long rows, long rowBytes) {
    long address = read(memory, rows, rowBytes);
    if (memory.isReadOnly()) {
      throw new IllegalArgumentException(
          "memory that may only be read, where a result is to be written");
    }
    return address;
  }

  /** The size of rows; what no 64 bits hold does not fit into any memory either. */
  public static long bytes(long rows, long rowBytes) {
    if (rows < 0 || rowBytes < 0 || Math.multiplyHigh(rows, rowBytes) != 0) {
      throw new IndexOutOfBoundsException(rows + " rows of " + rowBytes + " bytes");
    }
    long bytes = rows * rowBytes;
    if (bytes < 0) {
      throw new IndexOutOfBoundsException(rows + " rows of " + rowBytes + " bytes");
    }
    return bytes;
  }

  /**
   * Checks a shape.
   *
   * @throws IllegalArgumentException if {@code rows} is negative or {@code width} not positive
   */
  public static void requireShape(long rows, long width) {
    if (rows < 0 || width < 1) {
      throw new IllegalArgumentException(rows + " rows of " + width + " values");
    }
  }
}

package io.sluice.memory;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A row-major matrix {@code [count, width]} in memory that someone else owns.
 *
 * @param memory holds the rows one after the other from its first byte; any alignment, on or off
 *     the heap
 * @param dtype the type of each value: float32, float16 or bfloat16
 * @param count number of rows
 * @param width values per row
 */
public record Rows(MemorySegment memory, DType dtype, long count, int width) {
  /**
   * Checks that the memory is large enough.
   *
   * @throws IllegalArgumentException if a size is negative, {@code memory} is too small or the type
   *     is another
   */
  public Rows {
    Objects.requireNonNull(memory, "memory");
    if (!dtype.widensToFloat32()) {
      throw new IllegalArgumentException(
          "activations are float32, float16 or bfloat16, not " + dtype.label());
    }
    if (count < 0 || width < 1) {
      throw new IllegalArgumentException(
          "rows must have a count >= 0 and a width >= 1, not " + count + " x " + width);
    }
    long rowBytes = (long) width * dtype.bytes();
    if (count > memory.byteSize() / rowBytes) {
      throw new IllegalArgumentException(
          count
              + " rows of "
              + width
              + " "
              + dtype.label()
              + " values need "
              + rowBytes
              + " bytes each, but the memory has "
              + memory.byteSize()
              + " bytes in all");
    }
  }

  /** Bytes from one row to the next. */
  public long rowBytes() {
    return (long) width * dtype.bytes();
  }

  /**
   * The value in row {@code row} and column {@code column}, widened to float32.
   *
   * @throws IndexOutOfBoundsException if there is no such row or column
   */
  public float at(long row, int column) {
    Objects.checkIndex(row, count);
    Objects.checkIndex(column, width);
    return dtype.readFloat32(memory, row * rowBytes() + (long) column * dtype.bytes());
  }
}

package io.sluice.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * A row-major matrix {@code [count, width]} in memory that the caller owns and does not change
 * while the rows are read.
 *
 * @param memory holds the rows one after the other from its first byte; any alignment, on or off
 *     the heap
 * @param dtype the type of each value: float32, float16 or bfloat16
 * @param count number of rows
 * @param width values per row
 * @param scale the factor of every value before use, 1 for none; training uses it to normalise a
 *     data set
 */
public record Rows(MemorySegment memory, DType dtype, int count, int width, float scale) {
  /**
   * Checks that the memory is large enough.
   *
   * @throws IllegalArgumentException if a size is negative, {@code memory} is too small, the type
   *     is another or the scale is not positive and finite
   */
  public Rows {
    requireRoom(memory, dtype, count, width);
    if (!(scale > 0) || !Float.isFinite(scale)) {
      throw new IllegalArgumentException("scale must be positive and finite, not " + scale);
    }
  }

  /**
   * Refuses what {@link #Rows} refuses, for more rows than an int counts.
   *
   * @throws IllegalArgumentException if a size is negative, {@code memory} is too small or the type
   *     is another
   */
  public static void requireRoom(MemorySegment memory, DType dtype, long count, int width) {
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

  /** Rows whose values are used as they are. */
  public Rows(MemorySegment memory, DType dtype, int count, int width) {
    this(memory, dtype, count, width, 1f);
  }

  /** Bytes from one row to the next. */
  public long rowBytes() {
    return (long) width * dtype.bytes();
  }

  /**
   * The value in row {@code row} and column {@code column}, widened to float32 and scaled.
   *
   * @throws IndexOutOfBoundsException if there is no such row or column
   */
  public float at(int row, int column) {
    Objects.checkIndex(row, count);
    Objects.checkIndex(column, width);
    return scale * dtype.readFloat32(memory, ((long) row * width + column) * dtype.bytes());
  }

  /**
   * The first element that is NaN or infinite, as {@code row · width + column}, or −1 if all are
   * finite.
   */
  public long firstNonFinite() {
    long elements = (long) count * width;
    // One branch per block keeps the scan at memory speed; the place is looked for only when
    // needed.
    long block = 4096;
    for (long start = 0; start < elements; start += block) {
      long end = Math.min(elements, start + block);
      if (!allFinite(start, end)) {
        for (long i = start; i < end; i++) {
          if (!Float.isFinite(dtype.readFloat32(memory, i * dtype.bytes()))) {
            return i;
          }
        }
      }
    }
    return -1;
  }

  private boolean allFinite(long start, long end) {
    // A value is finite exactly when not all bits of its exponent are set.
    int worst = 0;
    if (dtype == DType.F32) {
      for (long i = start; i < end; i++) {
        worst = Math.max(worst, memory.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i) & 0x7fff_ffff);
      }
      return worst < 0x7f80_0000;
    }
    for (long i = start; i < end; i++) {
      worst = Math.max(worst, memory.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i) & 0x7fff);
    }
    return worst < (dtype == DType.F16 ? 0x7c00 : 0x7f80);
  }
}

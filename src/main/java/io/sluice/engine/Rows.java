package io.sluice.engine;

import io.sluice.memory.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A batch of activations in native memory, read in place: {@code [count, width]}, row after row
 * with no gap.
 *
 * @param memory native memory that holds at least {@code count · width} elements; the caller owns
 *     it and keeps it unchanged while an engine works on the batch
 * @param dtype float32, float16 or bfloat16
 * @param count number of rows (tokens)
 * @param width elements per row
 * @param scale what every element is multiplied by before use (1 leaves it alone); training puts
 *     the dataset-wise normalisation here
 */
public record Rows(MemorySegment memory, DType dtype, int count, int width, float scale) {

  public Rows {
    if (dtype != DType.F32 && dtype != DType.F16 && dtype != DType.BF16) {
      throw new IllegalArgumentException(
          "activations are float32, float16 or bfloat16, not " + dtype.label());
    }
    if (count < 1 || width < 1) {
      throw new IllegalArgumentException(
          "a batch needs at least one row and one column, not " + count + " x " + width);
    }
    if (!memory.isNative()) {
      throw new IllegalArgumentException("activations must be in native memory, not in an array");
    }
    long rowBytes = (long) width * dtype.bytes();
    if (memory.byteSize() / rowBytes < count) {
      throw new IllegalArgumentException(
          "a batch of "
              + count
              + " x "
              + width
              + " "
              + dtype.label()
              + " takes "
              + rowBytes
              + " bytes a row, but its memory has "
              + memory.byteSize());
    }
    if (!(scale > 0) || !Float.isFinite(scale)) {
      throw new IllegalArgumentException("scale must be positive and finite, not " + scale);
    }
  }

  /** A batch whose elements are used as they are. */
  public Rows(MemorySegment memory, DType dtype, int count, int width) {
    this(memory, dtype, count, width, 1f);
  }

  /** The element at {@code (row, column)} as float32, scaled. */
  public float at(int row, int column) {
    return scale * raw((long) row * width + column);
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
          if (!Float.isFinite(raw(i))) {
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

  private float raw(long index) {
    return switch (dtype) {
      case F32 -> memory.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index);
      case F16 -> Float.float16ToFloat(memory.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index));
      default ->
          Float.intBitsToFloat(memory.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index) << 16);
    };
  }
}

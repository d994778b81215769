package io.sluice.simd.layers;

import io.sluice.memory.LiveMemory;
import io.sluice.memory.NativeMemory;
import io.sluice.memory.Workers;
import java.lang.foreign.MemorySegment;
import java.util.function.IntConsumer;

/**
 * Rows of float32 in two bfloat16 parts: the nearest bfloat16 of each value, {@code h}, and that of
 * the rest, {@code l}. {@code h + l} is the value to within 2⁻¹⁷ of it.
 */
public final class RowSplit {
  private RowSplit() {}

  /**
   * Splits rows.
   *
   * @param x {@code [rows, width]} float32, native
   * @param parts {@code [rows, 2, width]} bfloat16, native: of each row one part, then the other
   * @param highFirst whether {@code h} stands before {@code l}
   * @param workers who share the work
   * @throws IndexOutOfBoundsException if memory is too small
   * @throws IllegalArgumentException if memory is on the heap, that of {@code parts} may only be
   *     read, or {@code width} is not positive
   * @throws IllegalStateException if memory was freed
   */
  public static void split(
      MemorySegment x,
      int rows,
      int width,
      MemorySegment parts,
      boolean highFirst,
      Workers workers) {
    NativeMemory.requireShape(rows, width);
    long partBytes = (long) width * Short.BYTES;
    long from = NativeMemory.read(x, rows, (long) width * Float.BYTES);
    long to = NativeMemory.written(parts, rows, 2 * partBytes);
    LayerKernels kernels = LayerKernels.ofThisMachine();
    IntConsumer some =
        task -> {
          int end = Math.min(rows, (task + 1) * RowNorm.TASK_ROWS);
          for (int row = task * RowNorm.TASK_ROWS; row < end; row++) {
            long first = to + 2 * row * partBytes;
            long second = first + partBytes;
            kernels.split(
                from + (long) row * width * Float.BYTES,
                width,
                highFirst ? first : second,
                highFirst ? second : first);
          }
        };
    LiveMemory.during(() -> workers.run(Math.ceilDiv(rows, RowNorm.TASK_ROWS), some), x, parts);
  }
}

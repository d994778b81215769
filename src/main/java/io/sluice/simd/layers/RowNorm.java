package io.sluice.simd.layers;

import io.sluice.memory.LiveMemory;
import io.sluice.memory.NativeMemory;
import io.sluice.memory.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.IntConsumer;

/**
 * Normalisation of rows, with an addition before it where that saves a pass.
 *
 * @param weight one factor per value
 * @param bias one per value for a layer norm (mean 0, variance 1); null for an RMS norm (mean
 *     square 1)
 * @param epsilon added to the variance or mean square
 */
public record RowNorm(float[] weight, float[] bias, float epsilon) {
  /** Rows of one task. */
  static final int TASK_ROWS = 32;

  /**
   * Checks the sizes; the arrays are not copied.
   *
   * @throws IllegalArgumentException if there is no weight, or weight and bias differ in length
   */
  public RowNorm {
    if (weight.length == 0) {
      throw new IllegalArgumentException("a norm of rows without values");
    }
    if (bias != null && bias.length != weight.length) {
      throw new IllegalArgumentException(
          "a norm with " + weight.length + " weights and " + bias.length + " biases");
    }
  }

  /** Values per row. */
  public int width() {
    return weight.length;
  }

  /**
   * {@code y = norm(x)}.
   *
   * @param x {@code [rows, width]} float32, native
   * @param y of the same shape; may be {@code x}
   * @throws IndexOutOfBoundsException if the memory is too small
   * @throws IllegalArgumentException if it is on the heap, or a result's may only be read
   * @throws IllegalStateException if it was freed
   */
  public void apply(MemorySegment x, int rows, MemorySegment y, Workers workers) {
    long rowBytes = (long) width() * Float.BYTES;
    long from = NativeMemory.read(x, rows, rowBytes);
    long to = NativeMemory.written(y, rows, rowBytes);
    apply(from, rows, rowBytes, to, workers, x, y);
  }

  /**
   * Normalises the values {@code [at, at + width)} of each row, in place.
   *
   * @param x {@code [rows, rowWidth]} float32, native
   * @throws IndexOutOfBoundsException if the memory is too small, or a row has no such values
   * @throws IllegalArgumentException if it is on the heap, or may only be read
   * @throws IllegalStateException if it was freed
   */
  public void applyWithin(MemorySegment x, int rows, int rowWidth, int at, Workers workers) {
    Objects.checkFromIndexSize(at, width(), rowWidth);
    long rowBytes = (long) rowWidth * Float.BYTES;
    long first = NativeMemory.written(x, rows, rowBytes) + (long) at * Float.BYTES;
    apply(first, rows, rowBytes, first, workers, x, x);
  }

  /**
   * @param rowBytes from one row to the next
   */
  private void apply(
      long from,
      int rows,
      long rowBytes,
      long to,
      Workers workers,
      MemorySegment x,
      MemorySegment y) {
    LayerKernels kernels = LayerKernels.ofThisMachine();
    IntConsumer some =
        task -> {
          int end = Math.min(rows, (task + 1) * TASK_ROWS);
          for (int row = task * TASK_ROWS; row < end; row++) {
            long at = row * rowBytes;
            if (bias == null) {
              kernels.rmsNorm(from + at, width(), weight, epsilon, to + at);
            } else {
              kernels.layerNorm(from + at, width(), weight, bias, epsilon, to + at);
            }
          }
        };
    LiveMemory.during(() -> workers.run(Math.ceilDiv(rows, TASK_ROWS), some), x, y);
  }

  /**
   * {@code sum = a + b}, rows of any width.
   *
   * @param count values
   * @param sum may be one of the others
   * @throws IndexOutOfBoundsException if the memory is too small
   * @throws IllegalArgumentException if it is on the heap, or a result's may only be read
   * @throws IllegalStateException if it was freed
   */
  public static void add(
      MemorySegment a, MemorySegment b, MemorySegment sum, long count, Workers workers) {
    long left = NativeMemory.read(a, count, Float.BYTES);
    long right = NativeMemory.read(b, count, Float.BYTES);
    long to = NativeMemory.written(sum, count, Float.BYTES);
    LayerKernels kernels = LayerKernels.ofThisMachine();
    int strip = 1 << 14;
    int strips = Math.toIntExact(Math.ceilDiv(count, (long) strip));
    IntConsumer some =
        task -> {
          long first = (long) task * strip;
          int n = (int) Math.min(strip, count - first);
          long at = first * Float.BYTES;
          kernels.add(left + at, right + at, to + at, n);
        };
    LiveMemory.during(() -> workers.run(strips, some), a, b, sum);
  }
}

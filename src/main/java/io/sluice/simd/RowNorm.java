package io.sluice.simd;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

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
   * @throws IllegalArgumentException if weight and bias differ in length
   */
  public RowNorm {
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
   * @throws IllegalArgumentException if it is on the heap
   * @throws IllegalStateException if it was freed
   */
  public void apply(MemorySegment x, int rows, MemorySegment y, Workers workers) {
    long rowBytes = (long) width() * Float.BYTES;
    long from = NativeMemory.address(x, rows * rowBytes);
    long to = NativeMemory.address(y, rows * rowBytes);
    LayerKernels kernels = KernelProvider.layerKernels();
    workers.run(
        Math.ceilDiv(rows, TASK_ROWS),
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
        });
    Reference.reachabilityFence(x);
    Reference.reachabilityFence(y);
  }

  /**
   * {@code sum = a + b}, rows of any width.
   *
   * @param count values
   * @param sum may be one of the others
   * @throws IndexOutOfBoundsException if the memory is too small
   * @throws IllegalArgumentException if it is on the heap
   * @throws IllegalStateException if it was freed
   */
  public static void add(
      MemorySegment a, MemorySegment b, MemorySegment sum, long count, Workers workers) {
    long bytes = count * Float.BYTES;
    long left = NativeMemory.address(a, bytes);
    long right = NativeMemory.address(b, bytes);
    long to = NativeMemory.address(sum, bytes);
    LayerKernels kernels = KernelProvider.layerKernels();
    int strip = 1 << 14;
    workers.run(
        Math.toIntExact(Math.ceilDiv(count, (long) strip)),
        task -> {
          long first = (long) task * strip;
          int n = (int) Math.min(strip, count - first);
          long at = first * Float.BYTES;
          kernels.add(left + at, right + at, to + at, n);
        });
    Reference.reachabilityFence(a);
    Reference.reachabilityFence(b);
    Reference.reachabilityFence(sum);
  }
}

package io.sluice.torch;

import java.lang.foreign.MemorySegment;

/**
 * A float32 matrix {@code W} on the CPU whose products with rows, {@code y = x · Wᵀ}, the BLAS
 * under LibTorch computes, called directly. LibTorch's operators use all of its threads for one
 * product. With MKL, which pip's builds have, many threads can call this class at the same time,
 * and each multiplies for itself.
 *
 * @param weights {@code [out, in]} row-major, or {@code [in, out]} if transposed; native
 * @param out rows of {@code W}, at least 1
 * @param in columns of {@code W}, at least 1
 * @param stride distance between rows in memory, in values
 * @param transposed whether the memory holds {@code Wᵀ}
 */
public record WeightMatrix(MemorySegment weights, int out, int in, int stride, boolean transposed) {
  /**
   * Checks the sizes; nothing is copied.
   *
   * @throws IllegalArgumentException if a size is not positive, or the stride less than a row
   * @throws IndexOutOfBoundsException if the memory is too small
   */
  public WeightMatrix {
    if (out < 1 || in < 1) {
      throw new IllegalArgumentException("a matrix of [" + out + ", " + in + "]");
    }
    Blas.requireRows(weights, transposed ? in : out, transposed ? out : in, stride, Float.BYTES);
  }

  /** Rows one after the other. */
  public static WeightMatrix of(MemorySegment weights, int out, int in, boolean transposed) {
    return new WeightMatrix(weights, out, in, transposed ? out : in, transposed);
  }

  /** Whether LibTorch's BLAS can be called. */
  public static boolean isAvailable() {
    Torch.load();
    return Blas.SGEMM != null;
  }

  /** Whether many threads can call it at the same time, each multiplying for itself. */
  public static boolean isThreadwise() {
    return isAvailable() && Blas.SET_THREADS != null;
  }

  /**
   * {@code y = x·Wᵀ}, or {@code y += x·Wᵀ}.
   *
   * @param x {@code rows} times {@code in} float32 values, native
   * @param xStride distance between rows of {@code x}, in values
   * @param rows may be 0
   * @param y {@code rows} times {@code out} float32 values, native
   * @param yStride distance between rows of {@code y}, in values
   * @param add whether to add to what is in {@code y}
   * @param alone whether the calling thread does all the work, if {@link #isThreadwise}
   * @throws IllegalArgumentException if memory is on the heap or not aligned to float32 values,
   *     that of {@code y} may only be read, or a stride is less than a row
   * @throws IndexOutOfBoundsException if memory is too small
   * @throws IllegalStateException if memory was freed
   * @throws TorchException if it is not {@linkplain #isAvailable available}
   */
  public void multiply(
      MemorySegment x,
      int xStride,
      int rows,
      MemorySegment y,
      int yStride,
      boolean add,
      boolean alone) {
    if (!isAvailable()) {
      throw new TorchException("the BLAS under this LibTorch cannot be called");
    }
    Blas.requireRows(x, rows, in, xStride, Float.BYTES);
    Blas.requireResult(y, rows, out, yStride);
    if (rows == 0) {
      return;
    }
    Blas.multiply(
        Blas.SGEMM, weights, stride, transposed, x, xStride, y, yStride, rows, out, in, add, alone);
  }
}

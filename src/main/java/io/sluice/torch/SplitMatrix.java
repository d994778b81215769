package io.sluice.torch;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/**
 * A matrix {@code W} on the CPU in two bfloat16 parts, {@code W ≈ H + L}, with {@code H} the
 * nearest bfloat16 of each value and {@code L} that of the rest. A product with rows in two such
 * parts is three products of bfloat16 with sums in float32: {@code x·Wᵀ ≈ h·Lᵀ + l·Hᵀ + h·Hᵀ}
 * (Henry, Tang and Heinecke, arXiv 1904.06376; elsewhere called bf16x3). The error is at most 2⁻¹⁵
 * of {@code |x|·|W|ᵀ}, and in practice about 4e-6 of the result's length; float32 has 3e-7 and
 * bfloat16 2e-3. The memory is that of float32. MKL computes the products; on processors with
 * matrix units for bfloat16 (AMX) they take about half the time of float32.
 *
 * <p>Values of 3.39e38 and more, which bfloat16 rounds to infinity, give NaN, and so does infinity.
 *
 * @param parts bfloat16, native: {@code [out, 2·in]}, in each row {@code L} before {@code H}; or,
 *     if transposed, {@code [2, in, out]}, {@code Lᵀ} before {@code Hᵀ}
 * @param out rows of {@code W}, at least 1
 * @param in columns of {@code W}, at least 1
 * @param transposed whether the memory holds {@code Wᵀ}
 */
public record SplitMatrix(MemorySegment parts, int out, int in, boolean transposed) {
  /**
   * Checks the sizes; nothing is copied.
   *
   * @throws IllegalArgumentException if a size is not positive, or {@code in} above 2³⁰
   * @throws IndexOutOfBoundsException if the memory is too small
   */
  public SplitMatrix {
    // The index of a row of both parts has 31 bits.
    if (out < 1 || in < 1 || in > Integer.MAX_VALUE / 2) {
      throw new IllegalArgumentException("a matrix of [" + out + ", " + in + "]");
    }
    Blas.requireRows(parts, out, 2L * in, 2L * in, Short.BYTES);
  }

  /** Whether LibTorch's BLAS multiplies bfloat16 in each calling thread separately. */
  public static boolean isAvailable() {
    Torch.load();
    return Blas.BFLOAT16_GEMM != null && Blas.SET_THREADS != null;
  }

  /** Whether it does so faster than it multiplies float32: the processor has matrix units. */
  public static boolean isFast() {
    return isAvailable() && MatrixUnits.PRESENT;
  }

  /**
   * {@code y = x·Wᵀ}, or {@code y += x·Wᵀ}.
   *
   * @param x bfloat16, native, {@code [rows, 2·in]}: in each row {@code h} before {@code l}
   * @param rows may be 0
   * @param y {@code rows} times {@code out} float32 values, native
   * @param yStride distance between rows of {@code y}, in values
   * @param add whether to add to what is in {@code y}
   * @param alone whether the calling thread does all the work
   * @throws IllegalArgumentException if memory is on the heap or not aligned to its values, that of
   *     {@code y} may only be read, or a stride is less than a row
   * @throws IndexOutOfBoundsException if memory is too small
   * @throws IllegalStateException if memory was freed
   * @throws TorchException if it is not {@linkplain #isAvailable available}
   */
  public void multiply(
      MemorySegment x, int rows, MemorySegment y, int yStride, boolean add, boolean alone) {
    if (!isAvailable()) {
      throw new TorchException("the BLAS under this LibTorch does not multiply bfloat16");
    }
    Blas.requireRows(x, rows, 2L * in, 2L * in, Short.BYTES);
    Blas.requireResult(y, rows, out, yStride);
    if (rows == 0) {
      return;
    }
    // The small products first: h·L + l·H, then h·H on top.
    product(parts, x, rows, 2 * in, y, yStride, add, alone);
    long before = transposed ? (long) in * out : in;
    product(parts.asSlice(before * Short.BYTES), x, rows, in, y, yStride, true, alone);
  }

  /**
   * Copies {@code H + L} of a row.
   *
   * @param to {@code in} float32 values
   * @throws IndexOutOfBoundsException if there is no such row
   */
  public void row(int row, MemorySegment to) {
    Objects.checkIndex(row, out);
    Objects.checkFromIndexSize(0, 4L * in, to.byteSize());
    for (int i = 0; i < in; i++) {
      long low = transposed ? (long) i * out + row : 2L * row * in + i;
      long high = low + (transposed ? (long) in * out : in);
      to.set(JAVA_FLOAT_UNALIGNED, 4L * i, value(high) + value(low));
    }
  }

  private float value(long index) {
    return Float.intBitsToFloat(parts.get(JAVA_SHORT_UNALIGNED, 2 * index) << 16);
  }

  private void product(
      MemorySegment weights,
      MemorySegment x,
      int rows,
      int depth,
      MemorySegment y,
      int yStride,
      boolean add,
      boolean alone) {
    Blas.multiply(
        Blas.BFLOAT16_GEMM,
        weights,
        transposed ? out : 2 * in,
        transposed,
        x,
        2 * in,
        y,
        yStride,
        rows,
        out,
        depth,
        add,
        alone);
  }

  /** Which matrix units the processor has, according to the system. */
  private static final class MatrixUnits {
    static final boolean PRESENT = present();

    private static boolean present() {
      try {
        String info = Files.readString(Path.of("/proc/cpuinfo"), StandardCharsets.ISO_8859_1);
        return info.contains(" amx_bf16");
      } catch (IOException | RuntimeException e) {
        return false;
      }
    }
  }
}

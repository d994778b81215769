package io.sluice.geometry;

import io.sluice.memory.DType;
import io.sluice.simd.KernelProvider;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.lang.foreign.MemorySegment;

/**
 * Accumulates mean and covariance of rows in one pass, with memory for a few {@code d × d}
 * matrices, products in float32 and sums in float64. Used by one thread at a time.
 */
public sealed interface CovarianceAccumulator extends AutoCloseable
    permits VectorCovariance, TorchCovariance, DirectionCovariance {
  /**
   * An accumulator on a device: on the CPU by the Vector API, or by LibTorch if the JVM has no
   * Vector API and LibTorch is available; on a GPU by LibTorch.
   *
   * @param width values per row, {@code d}
   */
  static CovarianceAccumulator on(Device device, int width) {
    if (device.isCuda() || (!KernelProvider.isVectorised() && Torch.isAvailable())) {
      return new TorchCovariance(device, width);
    }
    return new VectorCovariance(width);
  }

  /** An accumulator of rows at length 1, on a device. */
  static CovarianceAccumulator ofDirections(Device device, int width) {
    return new DirectionCovariance(on(device, width));
  }

  /** Values per row. */
  int width();

  /** Rows added so far. */
  long count();

  /**
   * Adds rows. The memory is read before this returns.
   *
   * @param rows at least {@code count · width()} values, row-major, little-endian
   * @param dtype float32, float16 or bfloat16
   * @param count number of rows
   * @throws IllegalArgumentException if the memory is too small or the dtype is another one
   * @throws io.sluice.simd.NonFiniteException if a value is NaN or infinite; it names row (from 0
   *     within this call) and column, and the accumulator must not be used any more
   */
  void add(MemorySegment rows, DType dtype, long count);

  /** The covariance of all rows so far; more may be added afterwards. */
  Covariance covariance();

  /** Frees its memory. */
  @Override
  void close();
}

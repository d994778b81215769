package io.sluice.geometry;

import io.sluice.memory.DType;
import io.sluice.simd.KernelProvider;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.lang.foreign.MemorySegment;

/**
 * Takes rows as they come and keeps what their mean and covariance need: one pass, memory of a few
 * {@code d × d} matrices, products in float32 and sums in float64. Used by one thread at a time.
 */
public sealed interface CovarianceAccumulator extends AutoCloseable
    permits VectorCovariance, TorchCovariance {
  /**
   * An accumulator on a device: on the CPU by the Vector API, or by LibTorch where the JVM offers
   * no vectors and LibTorch is there; on a GPU by LibTorch.
   *
   * @param width values per row, {@code d}
   */
  static CovarianceAccumulator on(Device device, int width) {
    if (device.isCuda() || (!KernelProvider.isVectorised() && Torch.isAvailable())) {
      return new TorchCovariance(device, width);
    }
    return new VectorCovariance(width);
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
   * @throws IllegalArgumentException if the memory is too small or the dtype another one
   * @throws io.sluice.simd.NonFiniteException if a value is NaN or infinite; it names row (from 0
   *     within this call) and column, and the accumulator is of no more use
   */
  void add(MemorySegment rows, DType dtype, long count);

  /** The covariance of all rows so far; more may be added afterwards. */
  Covariance covariance();

  /** Frees what it holds. */
  @Override
  void close();
}

package io.sluice.geometry;

import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.simd.NonFiniteException;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.lang.foreign.MemorySegment;

/**
 * {@link CovarianceAccumulator} by LibTorch, on any of its devices.
 *
 * <p>Each block of {@value #BLOCK} rows is centred by its own mean and multiplied in float32. The
 * contribution of the blocks' means is accumulated separately, relative to the first block's mean
 * and in float64, so that neither a large mean nor a drifting one cancels the variance.
 */
final class TorchCovariance implements CovarianceAccumulator {
  private static final int BLOCK = 1024;

  private final Device device;
  private final int width;
  private final TensorScope kept = TensorScope.detached();

  /** {@code Σ_blocks Σ (x − m)(x − m)ᵀ + n (m − origin)(m − origin)ᵀ}, float64 {@code [d, d]}. */
  private Tensor scatter;

  /** {@code Σ_blocks n (m − origin)}, float64 {@code [1, d]}. */
  private Tensor drift;

  /** The first block's mean, float32 {@code [1, d]}. */
  private Tensor origin;

  private long count;

  TorchCovariance(Device device, int width) {
    if (width < 1) {
      throw new IllegalArgumentException("width must be at least 1, not " + width);
    }
    this.device = device;
    this.width = width;
    try (TensorScope scope = TensorScope.open()) {
      scatter = Tensor.zeros(DType.F64, device, width, width).moveTo(kept);
      drift = Tensor.zeros(DType.F64, device, 1, width).moveTo(kept);
    }
  }

  @Override
  public int width() {
    return width;
  }

  @Override
  public long count() {
    return count;
  }

  @Override
  public void add(MemorySegment rows, DType dtype, long rowCount) {
    Rows.requireRoom(rows, dtype, rowCount, width);
    long rowBytes = (long) width * dtype.bytes();
    for (long first = 0; first < rowCount; first += BLOCK) {
      int n = (int) Math.min(BLOCK, rowCount - first);
      Rows block = new Rows(rows.asSlice(first * rowBytes), dtype, n, width);
      try (TensorScope scope = TensorScope.open()) {
        addBlock(
            Tensor.of(rows.asSlice(first * rowBytes, n * rowBytes), dtype, n, width), block, first);
      }
      count += n;
    }
  }

  private void addBlock(Tensor rows, Rows memory, long first) {
    long n = rows.size(0);
    Tensor x = rows.to(device).to(DType.F32);
    Tensor mean = x.mean(true, 0);
    if (mean.isFinite().all().item() == 0) {
      refuseNonFinite(memory, first);
    }
    if (origin == null) {
      origin = mean.copy().moveTo(kept);
    }
    Tensor centred = x.sub(mean);
    Tensor rest = centred.sum(true, 0).to(DType.F64).div((double) n);
    Tensor step = mean.to(DType.F64).sub(origin.to(DType.F64)).add(rest);
    Tensor products = centred.transpose(0, 1).mm(centred).to(DType.F64);
    Tensor squares =
        step.transpose(0, 1).mm(step).sub(rest.transpose(0, 1).mm(rest)).mul((double) n);
    scatter.copy_(scatter.add(products).add(squares));
    drift.copy_(drift.add(step.mul((double) n)));
  }

  /** Finds the value that made a mean not finite, unless finite values overflowed. */
  private static void refuseNonFinite(Rows memory, long first) {
    for (int row = 0; row < memory.count(); row++) {
      for (int column = 0; column < memory.width(); column++) {
        float value = memory.at(row, column);
        if (!Float.isFinite(value)) {
          throw new NonFiniteException(first + row, column, value);
        }
      }
    }
  }

  @Override
  public Covariance covariance() {
    double[] mean = new double[width];
    double[] matrix;
    try (TensorScope scope = TensorScope.open()) {
      matrix = scatter.to(Device.CPU).toDoubles();
      if (origin != null) {
        float[] start = origin.to(Device.CPU).toFloats();
        double[] moved = drift.to(Device.CPU).toDoubles();
        for (int i = 0; i < width; i++) {
          moved[i] /= count;
          mean[i] = start[i] + moved[i];
        }
        for (int i = 0; i < width; i++) {
          for (int j = 0; j < width; j++) {
            int at = i * width + j;
            matrix[at] = matrix[at] / count - moved[i] * moved[j];
          }
        }
      }
    }
    for (int i = 0; i < width; i++) {
      for (int j = 0; j < i; j++) {
        double both = (matrix[i * width + j] + matrix[j * width + i]) / 2;
        matrix[i * width + j] = both;
        matrix[j * width + i] = both;
      }
    }
    return Covariance.owning(count, mean, matrix);
  }

  @Override
  public void close() {
    kept.close();
  }
}

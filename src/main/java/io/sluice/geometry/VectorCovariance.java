package io.sluice.geometry;

import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.simd.moments.MomentAccumulator;
import io.sluice.simd.moments.Moments;
import java.lang.foreign.MemorySegment;

/** {@link CovarianceAccumulator} by the Vector API, on all cores; needs no LibTorch. */
final class VectorCovariance implements CovarianceAccumulator {
  private static final long MOST_ROWS = Integer.MAX_VALUE;

  private final MomentAccumulator moments;

  VectorCovariance(int width) {
    this.moments = new MomentAccumulator(width);
  }

  @Override
  public int width() {
    return moments.width();
  }

  @Override
  public long count() {
    return moments.count();
  }

  @Override
  public void add(MemorySegment rows, DType dtype, long count) {
    Rows.requireRoom(rows, dtype, count, width());
    long rowBytes = (long) width() * dtype.bytes();
    for (long first = 0; first < count; first += MOST_ROWS) {
      int n = (int) Math.min(MOST_ROWS, count - first);
      moments.add(new Rows(rows.asSlice(first * rowBytes), dtype, n, width()));
    }
  }

  @Override
  public Covariance covariance() {
    Moments sums = moments.moments();
    double[] matrix = sums.scatter();
    for (int i = 0; i < matrix.length; i++) {
      matrix[i] /= Math.max(1, sums.count());
    }
    return Covariance.owning(sums.count(), sums.mean(), matrix);
  }

  @Override
  public void close() {}
}

package io.sluice.geometry;

import io.sluice.memory.DType;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** {@link CovarianceAccumulator} of rows at length 1; rows of length 0 stay as they are. */
final class DirectionCovariance implements CovarianceAccumulator {
  private static final int PIECE = 1 << 12;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final CovarianceAccumulator of;
  private final GrowingMemory memory = new GrowingMemory();
  private final float[] values;

  /**
   * Directions.
   *
   * @param of takes the rows at length 1, and is closed with this
   */
  DirectionCovariance(CovarianceAccumulator of) {
    this.of = of;
    this.values = new float[of.width()];
  }

  @Override
  public int width() {
    return of.width();
  }

  @Override
  public long count() {
    return of.count();
  }

  @Override
  public void add(MemorySegment rows, DType dtype, long count) {
    Rows.requireRoom(rows, dtype, count, width());
    long rowBytes = (long) width() * dtype.bytes();
    for (long first = 0; first < count; first += PIECE) {
      int n = (int) Math.min(PIECE, count - first);
      Rows from = new Rows(rows.asSlice(first * rowBytes, n * rowBytes), dtype, n, width());
      MemorySegment unit = memory.of(n, width());
      // On this thread: memory may belong to it alone.
      for (int row = 0; row < n; row++) {
        copy(from, row, unit);
      }
      of.add(unit, DType.F32, n);
    }
  }

  private void copy(Rows from, int row, MemorySegment to) {
    double square = 0;
    for (int i = 0; i < values.length; i++) {
      values[i] = from.at(row, i);
      square += (double) values[i] * values[i];
    }
    double scale = square > 0 ? 1 / Math.sqrt(square) : 1;
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (values[i] * scale);
    }
    MemorySegment.copy(
        values, 0, to, FLOAT, row * (long) values.length * Float.BYTES, values.length);
  }

  @Override
  public Covariance covariance() {
    return of.covariance();
  }

  @Override
  public void close() {
    of.close();
  }
}

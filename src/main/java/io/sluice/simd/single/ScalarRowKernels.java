package io.sluice.simd.single;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The specification of {@link RowKernels} in plain Java, used where the Vector API is absent. */
final class ScalarRowKernels implements RowKernels {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final RowFormat format;

  public ScalarRowKernels(RowFormat format) {
    this.format = format;
  }

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public void one(
      MemorySegment rows, Tile tile, int width, float[] x, int at, float[] sums, float[] out) {
    for (int r = 0; r < tile.count(); r++) {
      for (int j = 0; j < STREAMS; j++) {
        out[r * STREAMS + j] = dot(rows, tile.start(r, j), width, x, at);
      }
    }
  }

  @Override
  public void four(
      MemorySegment rows,
      Tile tile,
      int width,
      float[] x,
      int[] starts,
      float[] sums,
      float[] out,
      int to,
      int distance) {
    for (int r = 0; r < tile.count(); r++) {
      for (int j = 0; j < STREAMS; j++) {
        for (int v = 0; v < VECTORS; v++) {
          out[to + v * distance + r * STREAMS + j] =
              dot(rows, tile.start(r, j), width, x, starts[v]);
        }
      }
    }
  }

  @Override
  public void scattered(
      MemorySegment rows, long[] offsets, int width, float[] x, int at, float[] sums, float[] out) {
    for (int j = 0; j < STREAMS; j++) {
      out[j] = dot(rows, offsets[j], width, x, at);
    }
  }

  @Override
  public long reaching(
      float[] results, int at, Bounds bounds, int place, int count, float length, float limit) {
    long bits = 0;
    for (int i = 0; i < count; i++) {
      float value = bounds.scales()[place + i] * results[at + i] + bounds.biases()[place + i];
      float error = length * bounds.slopes()[place + i] + bounds.offsets()[place + i];
      if ((value + error) * bounds.factors()[place + i] >= limit) {
        bits |= 1L << i;
      }
    }
    return bits;
  }

  private float dot(MemorySegment rows, long row, int width, float[] x, int at) {
    float sum = 0;
    for (int i = 0; i < width; i++) {
      sum += value(rows, row, i) * x[at + i];
    }
    return sum;
  }

  private float value(MemorySegment rows, long row, int column) {
    return switch (format) {
      case F32 -> rows.get(FLOAT, row + (long) column * Float.BYTES);
      case BF16 ->
          Float.intBitsToFloat(rows.get(SHORT, row + (long) column * Short.BYTES) << Short.SIZE);
      case I8 -> rows.get(ValueLayout.JAVA_BYTE, row + column);
    };
  }
}

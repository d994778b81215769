package io.sluice.simd.batch;

import io.sluice.simd.Panels;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The specification of {@link SparseKernels} in plain Java, used where the Vector API is absent.
 */
final class ScalarSparseKernels implements SparseKernels {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private final int panelWidth;

  ScalarSparseKernels(int panelWidth) {
    this.panelWidth = panelWidth;
  }

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public int panelWidth() {
    return panelWidth;
  }

  @Override
  public void packTokens(
      float[] rows, int firstRow, int count, int width, MemorySegment panel, long offset) {
    for (int j = 0; j < panelWidth; j++) {
      for (int t = 0; t < width; t++) {
        float value = firstRow + j < count ? rows[(firstRow + j) * width + t] : 0;
        Panels.set(panel, offset + t * panelWidth + j, value);
      }
    }
  }

  @Override
  public boolean encodeTile(
      float[] weights,
      float[] bias,
      float[] factors,
      MemorySegment panel,
      long offset,
      int width,
      float[] thresholds,
      int at,
      float[] out) {
    boolean any = false;
    for (int i = 0; i < TILE_FEATURES; i++) {
      for (int j = 0; j < panelWidth; j++) {
        float sum = bias[i];
        for (int t = 0; t < width; t++) {
          sum += weights[i * width + t] * Panels.get(panel, offset + t * panelWidth + j);
        }
        out[i * panelWidth + j] = sum;
        any |= sum * factors[i] > thresholds[at + j];
      }
    }
    return any;
  }

  @Override
  public long above(float[] values, int from, float factor, float[] thresholds, int at) {
    long bits = 0;
    for (int j = 0; j < panelWidth; j++) {
      if (factor * values[from + j] > thresholds[at + j]) {
        bits |= 1L << j;
      }
    }
    return bits;
  }

  @Override
  public void sumRows(
      MemorySegment table,
      int width,
      int[] rows,
      float[] weights,
      int from,
      int to,
      float[] start,
      float[] out,
      int at) {
    for (int i = 0; i < width; i++) {
      float sum = start[i];
      for (int e = from; e < to; e++) {
        sum += weights[e] * at(table, rows[e], width, i);
      }
      out[at + i] = sum;
    }
  }

  @Override
  public void sumRows(
      float[] table, int width, int[] rows, float[] weights, int from, int to, float[] out) {
    for (int i = 0; i < width; i++) {
      float sum = 0;
      for (int e = from; e < to; e++) {
        sum += weights[e] * table[rows[e] * width + i];
      }
      out[i] = sum;
    }
  }

  @Override
  public void dotRows(
      MemorySegment table,
      int width,
      int[] rows,
      int from,
      int to,
      float[] vector,
      int at,
      float[] out) {
    for (int e = from; e < to; e++) {
      float sum = 0;
      for (int i = 0; i < width; i++) {
        sum += vector[at + i] * at(table, rows[e], width, i);
      }
      out[e] = sum;
    }
  }

  @Override
  public void dotVectors(
      MemorySegment table,
      int width,
      int row,
      float[] vectors,
      int[] which,
      int from,
      int to,
      float[] out) {
    for (int e = from; e < to; e++) {
      float sum = 0;
      for (int i = 0; i < width; i++) {
        sum += vectors[which[e] * width + i] * at(table, row, width, i);
      }
      out[e] = sum;
    }
  }

  @Override
  public void encodePairs(
      MemorySegment table,
      int width,
      int row,
      float bias,
      float[] vectors,
      int[] which,
      int from,
      int to,
      float[] out) {
    for (int e = from; e < to; e++) {
      float sum = bias;
      for (int t = 0; t < width; t++) {
        sum +=
            table.get(FLOAT, ((long) row * width + t) * Float.BYTES)
                * vectors[which[e] * width + t];
      }
      out[e] = sum;
    }
  }

  @Override
  public void squareRows(MemorySegment table, int width, int from, int to, double[] out) {
    for (int row = from; row < to; row++) {
      double sum = 0;
      for (int i = 0; i < width; i++) {
        double value = at(table, row, width, i);
        sum += value * value;
      }
      out[row] = sum;
    }
  }

  @Override
  public void addRow(MemorySegment table, int width, int row, float weight, float[] sum) {
    for (int i = 0; i < width; i++) {
      sum[i] += weight * at(table, row, width, i);
    }
  }

  private static float at(MemorySegment table, int row, int width, int column) {
    return table.get(FLOAT, ((long) row * width + column) * Float.BYTES);
  }
}

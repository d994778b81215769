package io.sluice.simd;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The definition of {@link LayerKernels}, in plain loops; sums are float64. */
final class ScalarLayerKernels implements LayerKernels {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final int panelWidth;

  /**
   * @param panelWidth floats side by side in a panel
   */
  ScalarLayerKernels(int panelWidth) {
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
  public void tile(
      MemorySegment rows,
      long at,
      long rowBytes,
      MemorySegment panel,
      long panelAt,
      int depth,
      MemorySegment start,
      long startAt,
      long startRowBytes,
      MemorySegment out,
      long outAt,
      long outRowBytes) {
    for (int i = 0; i < TILE_ROWS; i++) {
      for (int j = 0; j < panelWidth; j++) {
        double sum = get(start, startAt + i * startRowBytes, j);
        for (int t = 0; t < depth; t++) {
          sum +=
              (double) get(rows, at + i * rowBytes, t)
                  * get(panel, panelAt, (long) t * panelWidth + j);
        }
        set(out, outAt + i * outRowBytes, j, sum);
      }
    }
  }

  @Override
  public void apply(Nonlinearity function, MemorySegment values, long at, int count) {
    for (int i = 0; i < count; i++) {
      set(values, at, i, function.of(get(values, at, i)));
    }
  }

  @Override
  public void gate(
      Nonlinearity function,
      MemorySegment gate,
      long gateAt,
      MemorySegment values,
      long at,
      int count) {
    for (int i = 0; i < count; i++) {
      set(values, at, i, function.of(get(gate, gateAt, i)) * get(values, at, i));
    }
  }

  @Override
  public void softmax(MemorySegment scores, long at, int count, float scale, float cap) {
    double most = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      double score = (double) get(scores, at, i) * scale;
      score = cap > 0 ? cap * Math.tanh(score / cap) : score;
      set(scores, at, i, score);
      most = Math.max(most, score);
    }
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += Math.exp(get(scores, at, i) - most);
    }
    for (int i = 0; i < count; i++) {
      set(scores, at, i, Math.exp(get(scores, at, i) - most) / sum);
    }
  }

  @Override
  public void layerNorm(
      MemorySegment x,
      long at,
      int width,
      float[] weight,
      float[] bias,
      float epsilon,
      MemorySegment out,
      long outAt) {
    double mean = 0;
    for (int i = 0; i < width; i++) {
      mean += get(x, at, i) / (double) width;
    }
    double variance = 0;
    for (int i = 0; i < width; i++) {
      double difference = get(x, at, i) - mean;
      variance += difference * difference / width;
    }
    double factor = 1 / Math.sqrt(variance + epsilon);
    for (int i = 0; i < width; i++) {
      set(out, outAt, i, (get(x, at, i) - mean) * factor * weight[i] + bias[i]);
    }
  }

  @Override
  public void rmsNorm(
      MemorySegment x,
      long at,
      int width,
      float[] weight,
      float epsilon,
      MemorySegment out,
      long outAt) {
    double square = 0;
    for (int i = 0; i < width; i++) {
      double value = get(x, at, i);
      square += value * value / width;
    }
    double factor = 1 / Math.sqrt(square + epsilon);
    for (int i = 0; i < width; i++) {
      set(out, outAt, i, get(x, at, i) * factor * weight[i]);
    }
  }

  @Override
  public void add(
      MemorySegment a,
      long aAt,
      MemorySegment b,
      long bAt,
      MemorySegment out,
      long outAt,
      int count) {
    for (int i = 0; i < count; i++) {
      set(out, outAt, i, get(a, aAt, i) + get(b, bAt, i));
    }
  }

  private static float get(MemorySegment memory, long at, long index) {
    return memory.get(FLOAT, at + index * Float.BYTES);
  }

  private static void set(MemorySegment memory, long at, long index, double value) {
    memory.set(FLOAT, at + index * Float.BYTES, (float) value);
  }
}

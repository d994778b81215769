package io.sluice.simd;

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
      long rows,
      long rowBytes,
      long panel,
      int depth,
      long start,
      long startRowBytes,
      long out,
      long outRowBytes) {
    for (int i = 0; i < TILE_ROWS; i++) {
      for (int j = 0; j < panelWidth; j++) {
        double sum = get(start + i * startRowBytes, j);
        for (int t = 0; t < depth; t++) {
          sum += (double) get(rows + i * rowBytes, t) * get(panel, (long) t * panelWidth + j);
        }
        set(out + i * outRowBytes, j, sum);
      }
    }
  }

  @Override
  public void apply(Nonlinearity function, long values, long rowBytes, int rows, int count) {
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < count; i++) {
        long at = values + row * rowBytes;
        set(at, i, function.of(get(at, i)));
      }
    }
  }

  @Override
  public void gate(
      Nonlinearity function,
      long gate,
      long gateRowBytes,
      long values,
      long rowBytes,
      int rows,
      int count) {
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < count; i++) {
        long at = values + row * rowBytes;
        set(at, i, function.of(get(gate + row * gateRowBytes, i)) * get(at, i));
      }
    }
  }

  @Override
  public float largest(long scores, int count, float cap) {
    float most = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      if (cap > 0) {
        set(scores, i, cap * Math.tanh((double) get(scores, i) / cap));
      }
      most = Math.max(most, get(scores, i));
    }
    return most;
  }

  @Override
  public float sumOfExponentials(long scores, int count, float shift) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += Math.exp((double) get(scores, i) - shift);
    }
    return (float) sum;
  }

  @Override
  public void softmax(long scores, int count, float scale, float cap) {
    double most = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      double score = (double) get(scores, i) * scale;
      score = cap > 0 ? cap * Math.tanh(score / cap) : score;
      set(scores, i, score);
      most = Math.max(most, score);
    }
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += Math.exp(get(scores, i) - most);
    }
    for (int i = 0; i < count; i++) {
      set(scores, i, Math.exp(get(scores, i) - most) / sum);
    }
  }

  @Override
  public void layerNorm(long x, int width, float[] weight, float[] bias, float epsilon, long out) {
    double mean = 0;
    for (int i = 0; i < width; i++) {
      mean += get(x, i) / (double) width;
    }
    double variance = 0;
    for (int i = 0; i < width; i++) {
      double difference = get(x, i) - mean;
      variance += difference * difference / width;
    }
    double factor = 1 / Math.sqrt(variance + epsilon);
    for (int i = 0; i < width; i++) {
      set(out, i, (get(x, i) - mean) * factor * weight[i] + bias[i]);
    }
  }

  @Override
  public void rmsNorm(long x, int width, float[] weight, float epsilon, long out) {
    double square = 0;
    for (int i = 0; i < width; i++) {
      double value = get(x, i);
      square += value * value / width;
    }
    double factor = 1 / Math.sqrt(square + epsilon);
    for (int i = 0; i < width; i++) {
      set(out, i, get(x, i) * factor * weight[i]);
    }
  }

  @Override
  public void add(long a, long b, long out, int count) {
    for (int i = 0; i < count; i++) {
      set(out, i, get(a, i) + get(b, i));
    }
  }

  private static float get(long at, long index) {
    return NativeMemory.ALL.get(FLOAT, at + index * Float.BYTES);
  }

  private static void set(long at, long index, double value) {
    NativeMemory.ALL.set(FLOAT, at + index * Float.BYTES, (float) value);
  }
}

package io.sluice.simd.layers;

import io.sluice.memory.NativeMemory;
import java.lang.foreign.ValueLayout;

/** The specification of {@link LayerKernels}, in plain loops; sums are float64. */
final class ScalarLayerKernels implements LayerKernels {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

  /** The bits of a NaN that is one in bfloat16, too. */
  static final int NAN = 0x7fc00000;

  /** Where exp leaves the normal numbers of float32. */
  static final float LOWEST = -87.3f;

  static final float HIGHEST = 88.3f;

  private final int panelWidth;
  private final int tileRows;

  /**
   * @param panelWidth floats side by side in a panel
   * @param tileRows rows of a tile
   */
  public ScalarLayerKernels(int panelWidth, int tileRows) {
    this.panelWidth = panelWidth;
    this.tileRows = tileRows;
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
  public int tileRows() {
    return tileRows;
  }

  @Override
  public void tile(long rows, long panel, int depth, long start, long out, long outRowBytes) {
    for (int i = 0; i < tileRows; i++) {
      for (int j = 0; j < panelWidth; j++) {
        double sum = get(start, j);
        for (int t = 0; t < depth; t++) {
          sum += (double) get(rows + i * PITCH_BYTES, t) * get(panel, (long) t * panelWidth + j);
        }
        set(out + i * outRowBytes, j, sum);
      }
    }
  }

  @Override
  public void addTile(long part, long out, long outRowBytes) {
    for (int i = 0; i < tileRows; i++) {
      for (int j = 0; j < panelWidth; j++) {
        long row = out + i * outRowBytes;
        set(row, j, get(row, j) + get(part, (long) i * panelWidth + j));
      }
    }
  }

  @Override
  public void apply(
      Nonlinearity function, long values, long rowBytes, int rows, int count, long scratch) {
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < count; i++) {
        long at = values + row * rowBytes;
        set(at, i, function.of(get(at, i)));
      }
    }
  }

  @Override
  public void multiply(long values, long rowBytes, long factors, int rows, int count) {
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < count; i++) {
        long at = values + row * rowBytes;
        set(at, i, get(at, i) * get(factors, (long) row * count + i));
      }
    }
  }

  @Override
  public void limit(long scores, int count, float scale, float cap) {
    for (int i = 0; i < count; i++) {
      set(scores, i, cap * Math.tanh((double) scale * get(scores, i) / cap));
    }
  }

  @Override
  public float largest(long scores, int count) {
    float most = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      most = Math.max(most, get(scores, i));
    }
    return most;
  }

  @Override
  public float exponentials(long scores, int count, float shift, float scale) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      double exponent = (double) scale * (get(scores, i) - shift);
      set(scores, i, Math.exp(Math.clamp(exponent, LOWEST, HIGHEST)));
      sum += get(scores, i);
    }
    return (float) sum;
  }

  @Override
  public void scale(long values, int count, float factor) {
    for (int i = 0; i < count; i++) {
      set(values, i, get(values, i) * factor);
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
  public void rotate(long head, int pairs, float[] cosines, float[] sines, int at) {
    for (int i = 0; i < pairs; i++) {
      double first = get(head, i);
      double second = get(head, i + pairs);
      set(head, i, first * cosines[at + i] - second * sines[at + i]);
      set(head, i + pairs, second * cosines[at + i] + first * sines[at + i]);
    }
  }

  @Override
  public void add(long a, long b, long out, int count) {
    for (int i = 0; i < count; i++) {
      set(out, i, get(a, i) + get(b, i));
    }
  }

  @Override
  public void split(long values, int count, long high, long low) {
    for (int i = 0; i < count; i++) {
      splitOne(values, i, high, low);
    }
  }

  /** {@link #split} of the value at {@code index}. */
  static void splitOne(long values, int index, long high, long low) {
    float value = get(values, index);
    int nearest = nearest(value);
    float rest = value - Float.intBitsToFloat(nearest);
    NativeMemory.ALL.set(SHORT, high + 2L * index, (short) (nearest >>> 16));
    NativeMemory.ALL.set(SHORT, low + 2L * index, (short) (nearest(rest) >>> 16));
  }

  /** The bits of the float32 that is the nearest bfloat16, ties to even. */
  private static int nearest(float value) {
    int bits = Float.floatToRawIntBits(value);
    return value != value ? NAN : bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000;
  }

  private static float get(long at, long index) {
    return NativeMemory.ALL.get(FLOAT, at + index * Float.BYTES);
  }

  private static void set(long at, long index, double value) {
    NativeMemory.ALL.set(FLOAT, at + index * Float.BYTES, (float) value);
  }
}

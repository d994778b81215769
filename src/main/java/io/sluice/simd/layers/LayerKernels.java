package io.sluice.simd.layers;

import io.sluice.memory.NativeMemory;
import io.sluice.simd.KernelProvider;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.util.List;

/**
 * The inner loops of a transformer's layers, over float32 rows in native memory.
 *
 * <p>{@link ScalarLayerKernels} defines what each method computes; other implementations agree with
 * it to the rounding of float32. Implementations have no state and may be used by any number of
 * threads. Memory is given by address, see {@link NativeMemory}, and trusted: these are inner
 * loops, and the classes over them check arguments. Sums are taken in an order that depends on
 * nothing but the sizes.
 */
interface LayerKernels {
  /** Values of a tile's rows. */
  int MOST_DEPTH = 2048;

  /**
   * From one of a tile's rows to the next: a constant, so that it is part of the instructions, and
   * no multiple of a large power of two, so that rows do not share the same sets of a cache.
   */
  long PITCH_BYTES = (MOST_DEPTH + 16) * Float.BYTES;

  /** The name of these kernels, for instance {@code vector-512}. */
  String name();

  /** Floats side by side in a panel, twice the lanes of a vector. */
  int panelWidth();

  /** Rows of one tile. */
  int tileRows();

  /** A tile's rows, as {@link #packRows} leaves them. */
  default long tileBytes() {
    return tileRows() * PITCH_BYTES;
  }

  /**
   * Copies rows to where {@link #tile} takes them.
   *
   * @param rowBytes from one of the rows to the next
   * @param count 1 to {@link #tileRows}; the last row stands in for those that are missing
   * @param depth values of a row, at most {@link #MOST_DEPTH}
   * @param out room for {@link #tileBytes}
   */
  default void packRows(long rows, long rowBytes, int count, int depth, long out) {
    for (int i = 0; i < tileRows(); i++) {
      long from = rows + Math.min(i, count - 1) * rowBytes;
      MemorySegment.copy(
          NativeMemory.ALL,
          from,
          NativeMemory.ALL,
          out + i * PITCH_BYTES,
          (long) depth * Float.BYTES);
    }
  }

  /**
   * One tile of a product: {@code out[i][j] = start[j] + Σ_t rows[i][t] · panel[t][j]} for {@code i
   * <} {@link #tileRows}, {@code j < panelWidth}, {@code t < depth}.
   *
   * @param rows one every {@link #PITCH_BYTES}
   * @param panel {@code [depth][panelWidth]}
   * @param start {@code [panelWidth]}
   * @param outRowBytes from one row of {@code out} to the next
   */
  void tile(long rows, long panel, int depth, long start, long out, long outRowBytes);

  /**
   * {@code out[i][j] += part[i][j]} for {@code i <} {@link #tileRows}, {@code j < panelWidth}.
   *
   * @param part {@code [tileRows][panelWidth]}
   * @param outRowBytes from one row of {@code out} to the next
   */
  void addTile(long part, long out, long outRowBytes);

  /**
   * Replaces values by a function of each.
   *
   * @param rowBytes from one row to the next
   * @param count values of a row
   * @param scratch room for {@code rows · count} floats
   */
  void apply(Nonlinearity function, long values, long rowBytes, int rows, int count, long scratch);

  /**
   * {@code values[i][j] *= factors[i][j]}.
   *
   * @param factors {@code [rows, count]}, side by side
   * @param count values of a row
   */
  void multiply(long values, long rowBytes, long factors, int rows, int count);

  /** Replaces scores by {@code cap · tanh(scale · score / cap)}; {@code cap} is above 0. */
  void limit(long scores, int count, float scale, float cap);

  /**
   * The largest score; which it is if one is NaN is left open.
   *
   * @param count at least 1
   */
  float largest(long scores, int count);

  /**
   * Replaces scores by {@code exp(scale · (score − shift))}, within 1e-7 of it, where that is a
   * normal number; below, it is the smallest one, above, the largest.
   *
   * @return the sum of them; NaN if one is
   */
  float exponentials(long scores, int count, float shift, float scale);

  /**
   * Replaces scores by the softmax of {@code scale · score}; all are NaN if one is.
   *
   * @param count at least 1; fastest if it is a multiple of the lanes
   * @param scale above 0
   */
  default void softmax(long scores, int count, float scale) {
    float sum = exponentials(scores, count, largest(scores, count), scale);
    scale(scores, count, 1 / sum);
  }

  /** {@code values[i] *= factor}. */
  void scale(long values, int count, float factor);

  /**
   * {@code out = (x − mean(x)) / √(variance(x) + epsilon) · weight + bias} over one row. {@code
   * out} may be {@code x}.
   */
  void layerNorm(long x, int width, float[] weight, float[] bias, float epsilon, long out);

  /**
   * {@code out = x / √(mean(x²) + epsilon) · weight} over one row. {@code out} may be {@code x}.
   */
  void rmsNorm(long x, int width, float[] weight, float epsilon, long out);

  /**
   * Rotates a head in place: {@code (x[i], x[i + pairs])} by the angle at {@code i}.
   *
   * @param cosines of the angles, from {@code at} on
   * @param sines likewise
   */
  void rotate(long head, int pairs, float[] cosines, float[] sines, int at);

  /** {@code out[i] = a[i] + b[i]}; {@code out} may be one of them. */
  void add(long a, long b, long out, int count);

  /**
   * Splits values into the nearest bfloat16 of each, and the nearest of the remainder. NaN stays
   * NaN in both; what is infinite or rounds to it has NaN for its rest.
   *
   * @param high room for {@code count} bfloat16 values
   * @param low likewise
   */
  void split(long values, int count, long high, long low);

  /** The kernels of this machine. */
  static LayerKernels ofThisMachine() {
    return Chosen.KERNELS;
  }

  /** One instance for each vector width that this machine has in hardware, narrowest first. */
  static List<LayerKernels> everyWidth() {
    return KernelProvider.everyWidth(
        MethodHandles.lookup(), LayerKernels.class, VectorLayerKernels.class);
  }

  /** Made when they are first asked for. */
  final class Chosen {
    private static final LayerKernels KERNELS =
        KernelProvider.choose(
            MethodHandles.lookup(),
            LayerKernels.class,
            VectorLayerKernels.class,
            () -> new ScalarLayerKernels(16, 6));

    private Chosen() {}
  }
}

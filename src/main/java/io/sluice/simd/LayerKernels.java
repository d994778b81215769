package io.sluice.simd;

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
  /** Rows of one tile. */
  int TILE_ROWS = 8;

  /** What these kernels are, for instance {@code vector-512}. */
  String name();

  /** Floats side by side in a panel, twice the lanes of a vector. */
  int panelWidth();

  /**
   * One tile of a product: {@code out[i][j] = start[i][j] + Σ_t rows[i][t] · panel[t][j]} for
   * {@code i <} {@link #TILE_ROWS}, {@code j < panelWidth}, {@code t < depth}.
   *
   * @param rowBytes from one of the rows to the next
   * @param panel {@code [depth][panelWidth]}
   * @param startRowBytes from one row of {@code start} to the next; 0 if all start from the same
   * @param outRowBytes from one row of {@code out} to the next; {@code out} may be {@code start}
   */
  void tile(
      long rows,
      long rowBytes,
      long panel,
      int depth,
      long start,
      long startRowBytes,
      long out,
      long outRowBytes);

  /**
   * Replaces values by a function of each.
   *
   * @param rowBytes from one row to the next
   * @param count values of a row
   */
  void apply(Nonlinearity function, long values, long rowBytes, int rows, int count);

  /**
   * {@code values[i][j] *= function(gate[i][j])}.
   *
   * @param count values of a row
   */
  void gate(
      Nonlinearity function,
      long gate,
      long gateRowBytes,
      long values,
      long rowBytes,
      int rows,
      int count);

  /**
   * The largest of {@code count} scores, which are limited before to {@code cap · tanh(score /
   * cap)} if {@code cap} is above 0; NaN if one is NaN.
   *
   * @param count at least 1
   */
  float largest(long scores, int count, float cap);

  /** {@code Σ exp(scores[i] − shift)}; no score is above {@code shift}. */
  float sumOfExponentials(long scores, int count, float shift);

  /**
   * Replaces scores by their softmax. Before it they are scaled and, if {@code cap} is above 0,
   * limited to {@code cap · tanh(score / cap)}.
   *
   * @param count at least 1
   */
  void softmax(long scores, int count, float scale, float cap);

  /**
   * {@code out = (x − mean(x)) / √(variance(x) + epsilon) · weight + bias} over one row. {@code
   * out} may be {@code x}.
   */
  void layerNorm(long x, int width, float[] weight, float[] bias, float epsilon, long out);

  /**
   * {@code out = x / √(mean(x²) + epsilon) · weight} over one row. {@code out} may be {@code x}.
   */
  void rmsNorm(long x, int width, float[] weight, float epsilon, long out);

  /** {@code out[i] = a[i] + b[i]}; {@code out} may be one of them. */
  void add(long a, long b, long out, int count);
}

package io.sluice.simd;

import java.lang.foreign.MemorySegment;

/**
 * The inner loops of a transformer's layers, over float32 rows in native memory.
 *
 * <p>{@link ScalarLayerKernels} defines what each method computes; other implementations agree with
 * it to the rounding of float32. Implementations have no state and may be used by any number of
 * threads. Offsets are in bytes and trusted: these are inner loops, and the classes over them check
 * arguments. Sums are taken in an order that depends on nothing but the sizes.
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
   * @param panelAt where a panel {@code [depth][panelWidth]} starts
   * @param startRowBytes from one row of {@code start} to the next; 0 if all start from the same
   * @param outRowBytes from one row of {@code out} to the next; {@code out} may be {@code start}
   */
  void tile(
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
      long outRowBytes);

  /** Replaces {@code count} values by a function of each. */
  void apply(Nonlinearity function, MemorySegment values, long at, int count);

  /** {@code values[i] *= function(gate[i])}. */
  void gate(
      Nonlinearity function,
      MemorySegment gate,
      long gateAt,
      MemorySegment values,
      long at,
      int count);

  /**
   * Replaces scores by their softmax. Before it they are scaled and, if {@code cap} is above 0,
   * limited to {@code cap · tanh(score / cap)}.
   *
   * @param count at least 1
   */
  void softmax(MemorySegment scores, long at, int count, float scale, float cap);

  /**
   * {@code out = (x − mean(x)) / √(variance(x) + epsilon) · weight + bias} over one row. {@code
   * out} may be {@code x}.
   */
  void layerNorm(
      MemorySegment x,
      long at,
      int width,
      float[] weight,
      float[] bias,
      float epsilon,
      MemorySegment out,
      long outAt);

  /**
   * {@code out = x / √(mean(x²) + epsilon) · weight} over one row. {@code out} may be {@code x}.
   */
  void rmsNorm(
      MemorySegment x,
      long at,
      int width,
      float[] weight,
      float epsilon,
      MemorySegment out,
      long outAt);

  /** {@code out[i] = a[i] + b[i]}; {@code out} may be one of them. */
  void add(
      MemorySegment a,
      long aAt,
      MemorySegment b,
      long bAt,
      MemorySegment out,
      long outAt,
      int count);
}

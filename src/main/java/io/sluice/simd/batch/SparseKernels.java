package io.sluice.simd.batch;

import io.sluice.simd.KernelProvider;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.util.List;

/**
 * The inner loops of sparse dictionary learning. Weights are feature-major float32 rows in memory,
 * so that what a feature owns is contiguous; tokens are float32 rows in an array, or packed into
 * panels {@code [depth][panelWidth]} in which {@code panelWidth} tokens lie side by side.
 *
 * <p>{@link ScalarSparseKernels} defines what each method computes; other implementations agree
 * with it to the rounding of float32 sums. Implementations have no state and may be used by any
 * number of threads. Offsets are not checked beyond what segments and arrays check themselves:
 * these are inner loops, and the classes over them check arguments.
 */
interface SparseKernels {
  /** Features of one tile of {@link #encodeTile}. */
  int TILE_FEATURES = 8;

  /** The name of these kernels, for instance {@code vector-512}. */
  String name();

  /** Tokens side by side in a panel. */
  int panelWidth();

  /**
   * Packs {@code panelWidth} tokens: {@code panel[offset + t·panelWidth + j] = rows[(firstRow +
   * j)·width + t]}; tokens from {@code count} on become zero.
   */
  void packTokens(
      float[] rows, int firstRow, int count, int width, MemorySegment panel, long offset);

  /**
   * Pre-activations of {@link #TILE_FEATURES} features for the tokens of one panel, and whether any
   * may be among its token's largest: {@code out[i·panelWidth + j] = bias[i] + Σ_t weights[i·width
   * + t] · panel[offset + t·panelWidth + j]}.
   *
   * @param weights the features' rows, {@code [TILE_FEATURES, width]}
   * @param factors what pre-activations are multiplied by before they are compared
   * @param thresholds one per token of the panel, from {@code at} on
   * @param out undefined if the answer is false
   * @return whether {@code factors[i] · pre-activation > threshold} for any feature and token
   */
  boolean encodeTile(
      float[] weights,
      float[] bias,
      float[] factors,
      MemorySegment panel,
      long offset,
      int width,
      float[] thresholds,
      int at,
      float[] out);

  /**
   * Which of {@code panelWidth} values count: bit {@code j} says whether {@code factor ·
   * values[from + j] > thresholds[at + j]}.
   */
  long above(float[] values, int from, float factor, float[] thresholds, int at);

  /**
   * A weighted sum of table rows: {@code out[at + i] = start[i] + Σ_e weights[e] · table[rows[e]·
   * width + i]} over {@code from ≤ e < to}, each sum in the order of {@code e}.
   */
  void sumRows(
      MemorySegment table,
      int width,
      int[] rows,
      float[] weights,
      int from,
      int to,
      float[] start,
      float[] out,
      int at);

  /** Like the other method, over a table in an array, starting from zero. */
  void sumRows(
      float[] table, int width, int[] rows, float[] weights, int from, int to, float[] out);

  /** {@code out[e] = Σ_i vector[at + i] · table[rows[e]·width + i]} for {@code from ≤ e < to}. */
  void dotRows(
      MemorySegment table,
      int width,
      int[] rows,
      int from,
      int to,
      float[] vector,
      int at,
      float[] out);

  /**
   * Products of one row with several vectors: {@code out[e] = Σ_i vectors[which[e]·width + i] ·
   * table[row·width + i]} for {@code from ≤ e < to}, each with the same bits whatever else is
   * computed in the call.
   */
  void dotVectors(
      MemorySegment table,
      int width,
      int row,
      float[] vectors,
      int[] which,
      int from,
      int to,
      float[] out);

  /**
   * Pre-activations of one feature for several tokens, each the same bits as {@link #encodeTile}
   * gives: {@code out[e] = bias + Σ_t table[row·width + t] · vectors[which[e]·width + t]} for
   * {@code from ≤ e < to}, summed in that order.
   */
  void encodePairs(
      MemorySegment table,
      int width,
      int row,
      float bias,
      float[] vectors,
      int[] which,
      int from,
      int to,
      float[] out);

  /** {@code out[r] = Σ_i table[r·width + i]²} for {@code from ≤ r < to}. */
  void squareRows(MemorySegment table, int width, int from, int to, double[] out);

  /** {@code sum[i] += weight · table[row·width + i]}. */
  void addRow(MemorySegment table, int width, int row, float weight, float[] sum);

  /** The kernels of this machine. */
  static SparseKernels ofThisMachine() {
    return Chosen.KERNELS;
  }

  /** One instance for each vector width that this machine has in hardware, narrowest first. */
  static List<SparseKernels> everyWidth() {
    return KernelProvider.everyWidth(
        MethodHandles.lookup(), SparseKernels.class, VectorSparseKernels.class);
  }

  /** Made when they are first asked for. */
  final class Chosen {
    private static final SparseKernels KERNELS =
        KernelProvider.choose(
            MethodHandles.lookup(),
            SparseKernels.class,
            VectorSparseKernels.class,
            () -> new ScalarSparseKernels(16));

    private Chosen() {}
  }
}

package io.sluice.simd.batch;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Operations of sparse dictionary learning on a few rows of a large table: weighted sums of rows,
 * and products of rows with a vector. A table is row-major float32, {@code [rows, width]}, in
 * memory or in an array, and rows are named by their numbers. An object has no state and may be
 * used by any number of threads.
 *
 * <p>A row that the table does not have, or an array that is too short, is an {@link
 * IndexOutOfBoundsException}; results may then be written in part.
 */
public final class TableRows {
  private static final SparseKernels KERNELS = SparseKernels.ofThisMachine();

  /**
   * A weighted sum: {@code out[at + i] = start[i] + Σ_e weights[e] · table[rows[e]·width + i]} over
   * {@code from ≤ e < to}, each sum in the order of {@code e}.
   */
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
    Objects.checkFromToIndex(from, to, Math.min(rows.length, weights.length));
    Objects.checkFromIndexSize(0, width, start.length);
    Objects.checkFromIndexSize(at, width, out.length);
    KERNELS.sumRows(table, width, rows, weights, from, to, start, out, at);
  }

  /** As the other, over a table in an array, starting from zero. */
  public void sumRows(
      float[] table, int width, int[] rows, float[] weights, int from, int to, float[] out) {
    Objects.checkFromToIndex(from, to, Math.min(rows.length, weights.length));
    Objects.checkFromIndexSize(0, width, out.length);
    KERNELS.sumRows(table, width, rows, weights, from, to, out);
  }

  /** {@code out[e] = Σ_i vector[at + i] · table[rows[e]·width + i]} for {@code from ≤ e < to}. */
  public void dotRows(
      MemorySegment table,
      int width,
      int[] rows,
      int from,
      int to,
      float[] vector,
      int at,
      float[] out) {
    Objects.checkFromToIndex(from, to, Math.min(rows.length, out.length));
    Objects.checkFromIndexSize(at, width, vector.length);
    KERNELS.dotRows(table, width, rows, from, to, vector, at, out);
  }

  /** {@code out[r] = Σ_i table[r·width + i]²} for {@code from ≤ r < to}. */
  public void squareRows(MemorySegment table, int width, int from, int to, double[] out) {
    Objects.checkFromToIndex(from, to, out.length);
    Objects.checkFromIndexSize(0, width, Integer.MAX_VALUE);
    KERNELS.squareRows(table, width, from, to, out);
  }

  /** {@code sum[i] += weight · table[row·width + i]} for {@code i < width}. */
  public void addRow(MemorySegment table, int width, int row, float weight, float[] sum) {
    Objects.checkFromIndexSize(0, width, sum.length);
    KERNELS.addRow(table, width, row, weight, sum);
  }
}

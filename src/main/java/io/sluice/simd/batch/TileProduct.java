package io.sluice.simd.batch;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Plain products with the tile of {@link SparseKernels}; scratch memory of one thread. */
final class TileProduct {
  private static final int TILE = SparseKernels.TILE_FEATURES;

  private final SparseKernels kernels;
  private final int width;
  private final float[] bias = new float[TILE];
  private final float[] factors = new float[TILE];
  private final float[] thresholds;
  private final float[] out;
  private final float[] rows;

  TileProduct(SparseKernels kernels, int width) {
    this.kernels = kernels;
    this.width = width;
    this.thresholds = new float[kernels.panelWidth()];
    this.out = new float[TILE * kernels.panelWidth()];
    this.rows = new float[TILE * width];
    Arrays.fill(factors, 1);
    // Nothing is below this, so that every tile is written.
    Arrays.fill(thresholds, Float.NEGATIVE_INFINITY);
  }

  /**
   * The products of {@link SparseKernels#TILE_FEATURES} rows with one panel, {@code [rows,
   * panelWidth]}; good until the next call. Where a sum is NaN its place may not be written.
   */
  float[] tile(float[] eightRows, MemorySegment panel, long offset) {
    kernels.encodeTile(eightRows, bias, factors, panel, offset, width, thresholds, 0, out);
    return out;
  }

  /**
   * Eight rows, from {@code first} on, times as many columns as {@code out} has: {@code out[r ·
   * columns + c] = Σ_t matrix[r·width + t] · panels[c / lanes][t][c % lanes]}.
   */
  void multiply(
      float[] matrix, int count, int first, MemorySegment panels, float[] product, int columns) {
    int n = Math.min(TILE, count - first);
    System.arraycopy(matrix, first * width, rows, 0, n * width);
    Arrays.fill(rows, n * width, TILE * width, 0);
    int lanes = kernels.panelWidth();
    for (int c = 0; c < columns; c += lanes) {
      tile(rows, panels, (long) c * width);
      int taken = Math.min(lanes, columns - c);
      for (int i = 0; i < n; i++) {
        System.arraycopy(out, i * lanes, product, (first + i) * columns + c, taken);
      }
    }
  }
}

package io.sluice.simd.batch;

import io.sluice.simd.Panels;
import java.lang.foreign.MemorySegment;

/**
 * Upper bounds of products from a few directions. For any matrix {@code Q} that makes no vector
 * longer, the inequality of Cauchy and Schwarz in {@code I − QᵀQ} gives
 *
 * <pre>
 * ⟨w, x⟩ ≤ ⟨Qw, Qx⟩ + √(‖w‖² − ‖Qw‖²) · √(‖x‖² − ‖Qx‖²)
 * </pre>
 *
 * and where the rows of {@code Q} are the directions in which the tokens hold most of their energy,
 * the second term is small. As it is a product too, it is one more coordinate: the bound of all
 * pairs is a matrix product of width {@code kept + 1} instead of {@code width}. Attention writes in
 * a low-dimensional subspace (arXiv 2508.16929), so this is about half the work, and since features
 * that pass the bound are then computed in full, the selection is exact.
 */
final class Screen {
  /** The largest rounding error of a square root's argument, relative to the whole. */
  private static final double ROUNDING = 4e-6;

  /**
   * Keeps {@code Q} from making a vector longer where its rows are orthonormal but for rounding.
   */
  private static final float SHRINK = 1 - 1e-5f;

  private final SparseKernels kernels;
  private final int width;
  private final int kept;

  /**
   * {@code Q}, padded by zeros to whole panels: {@code [ceil(kept / panelWidth)] [width]
   * [panelWidth]}.
   */
  private final MemorySegment panels;

  /** {@code Q}, {@code [kept, width]}. */
  private final float[] rows;

  /**
   * A screen of the first directions of a basis.
   *
   * @param basis {@code [≥ kept, width]}, orthonormal
   * @param kept a multiple of {@link SparseKernels#TILE_FEATURES}
   */
  Screen(SparseKernels kernels, float[] basis, int kept, int width) {
    this.kernels = kernels;
    this.width = width;
    this.kept = kept;
    this.rows = new float[kept * width];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = basis[i] * SHRINK;
    }
    int lanes = kernels.panelWidth();
    this.panels = Panels.allocate((long) Math.ceilDiv(kept, lanes) * width * lanes);
    for (int p = 0; p * lanes < kept; p++) {
      kernels.packTokens(rows, p * lanes, kept, width, panels, (long) p * width * lanes);
    }
  }

  /**
   * Number of coordinates of a projected vector: the directions, and one for the norm of the
   * remainder.
   */
  int coordinates() {
    return kept + 1;
  }

  /**
   * Projects eight vectors.
   *
   * @param vectors {@code [8, width]}
   * @param squares their squared norms
   * @param product scratch of this width
   * @param out receives {@code [8, kept + 1]}
   */
  void projectRows(float[] vectors, double[] squares, TileProduct product, float[] out) {
    int lanes = kernels.panelWidth();
    for (int c = 0; c < kept; c += lanes) {
      float[] tile = product.tile(vectors, panels, (long) c * width);
      int taken = Math.min(lanes, kept - c);
      for (int i = 0; i < SparseKernels.TILE_FEATURES; i++) {
        System.arraycopy(tile, i * lanes, out, i * (kept + 1) + c, taken);
      }
    }
    for (int i = 0; i < SparseKernels.TILE_FEATURES; i++) {
      int row = i * (kept + 1);
      double inside = 0;
      for (int j = row; j < row + kept; j++) {
        inside += (double) out[j] * out[j];
      }
      out[row + kept] = rest(squares[i], inside);
    }
  }

  /**
   * Projects a panel of tokens.
   *
   * @param panel {@code [width][panelWidth]}
   * @param squares the tokens' squared norms
   * @param out receives {@code [kept + 1][panelWidth]} from {@code at} on
   */
  void projectPanel(
      MemorySegment panel, double[] squares, Scratch scratch, MemorySegment out, long at) {
    int lanes = kernels.panelWidth();
    int tile = SparseKernels.TILE_FEATURES;
    double[] inside = scratch.inside;
    java.util.Arrays.fill(inside, 0);
    for (int i = 0; i < kept; i += tile) {
      System.arraycopy(rows, i * width, scratch.rows, 0, tile * width);
      float[] product = scratch.product.tile(scratch.rows, panel, 0);
      MemorySegment.copy(
          product, 0, out, Panels.FLOAT, (at + (long) i * lanes) * Float.BYTES, tile * lanes);
      for (int j = 0; j < tile * lanes; j++) {
        inside[j % lanes] += (double) product[j] * product[j];
      }
    }
    for (int j = 0; j < lanes; j++) {
      Panels.set(out, at + (long) kept * lanes + j, rest(squares[j], inside[j]));
    }
  }

  private static float rest(double whole, double inside) {
    return (float) Math.sqrt(Math.max(0, whole - inside) + ROUNDING * whole);
  }

  /** What one thread projects with. */
  static final class Scratch {
    final TileProduct product;
    final float[] rows;
    final double[] inside;

    Scratch(SparseKernels kernels, int width) {
      product = new TileProduct(kernels, width);
      rows = new float[SparseKernels.TILE_FEATURES * width];
      inside = new double[kernels.panelWidth()];
    }
  }
}

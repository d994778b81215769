package io.sluice.simd.batch;

import io.sluice.simd.Panels;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Runs the tile of the encoders alone, to measure its speed with operands in the first- or
 * second-level cache. No value is above its thresholds, so nothing is written. Used by one thread.
 */
public final class TileWork {
  private static final int TILE = SparseKernels.TILE_FEATURES;
  private static final int MOST_WIDTH = 1 << 14;
  private static final int MOST_PANELS = 64;

  private final SparseKernels kernels = SparseKernels.ofThisMachine();
  private final int lanes = kernels.panelWidth();
  private final int width;
  private final int panels;
  private final float[] weights;
  private final float[] bias = new float[TILE];
  private final float[] factors = new float[TILE];
  private final MemorySegment tokens;
  private final float[] thresholds = new float[lanes];
  private final float[] result = new float[TILE * lanes];

  /**
   * Operands of zeros.
   *
   * @param width values per token and feature, 1 to 16384
   * @param panels panels of tokens that are multiplied one after the other, 1 to 64
   * @throws IllegalArgumentException if a number is out of range
   */
  public TileWork(int width, int panels) {
    if (width < 1 || width > MOST_WIDTH || panels < 1 || panels > MOST_PANELS) {
      throw new IllegalArgumentException(panels + " panels of width " + width);
    }
    this.width = width;
    this.panels = panels;
    weights = new float[TILE * width];
    tokens = Panels.allocate((long) panels * width * lanes);
    Arrays.fill(factors, 1);
    Arrays.fill(thresholds, Float.MAX_VALUE);
  }

  /** Floating-point operations of one tile. */
  public double operations() {
    return 2.0 * TILE * lanes * width;
  }

  /** Computes so many tiles, each with the next panel. */
  public void run(int tiles) {
    for (int tile = 0; tile < tiles; tile++) {
      long panel = (long) (tile % panels) * width * lanes;
      kernels.encodeTile(weights, bias, factors, tokens, panel, width, thresholds, 0, result);
    }
  }
}

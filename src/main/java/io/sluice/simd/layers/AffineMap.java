package io.sluice.simd.layers;

import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import io.sluice.simd.Panels;
import io.sluice.simd.batch.SparseKernels;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * {@code y = M·x + b} for many rows at once, in float32, with the tile that encoders use: rows are
 * packed side by side into panels, and a panel stays in the cache while the matrix passes.
 *
 * <p>Results do not depend on the number of threads. One map is used by one thread at a time.
 */
public final class AffineMap {
  private static final int TILE = SparseKernels.TILE_FEATURES;

  private final SparseKernels kernels = SparseKernels.ofThisMachine();
  private final int inputs;
  private final int outputs;

  /** {@code [tiles, TILE, inputs]}, the last tile filled up with zeros. */
  private final float[][] tiles;

  private final float[] offset;
  private final float[] ranks;
  private final float[] everything;
  private final PerThread<Scratch> scratch;

  private record Scratch(MemorySegment panel, float[] products) {}

  /**
   * A map.
   *
   * @param matrix {@code M}, {@code [outputs, inputs]}, finite; copied
   * @param offset {@code b}, {@code [outputs]}; copied
   * @throws IllegalArgumentException if the sizes disagree
   */
  public AffineMap(float[] matrix, float[] offset, int outputs, int inputs) {
    if (outputs < 1 || inputs < 1 || matrix.length != Math.multiplyExact(outputs, inputs)) {
      throw new IllegalArgumentException(
          "a map of %d to %d values has not %d coefficients"
              .formatted(inputs, outputs, matrix.length));
    }
    if (offset.length != outputs) {
      throw new IllegalArgumentException(
          "a map to %d values has not %d offsets".formatted(outputs, offset.length));
    }
    this.inputs = inputs;
    this.outputs = outputs;
    int count = Math.ceilDiv(outputs, TILE);
    tiles = new float[count][TILE * inputs];
    for (int row = 0; row < outputs; row++) {
      System.arraycopy(matrix, row * inputs, tiles[row / TILE], row % TILE * inputs, inputs);
    }
    this.offset = Arrays.copyOf(offset, count * TILE);
    ranks = new float[count * TILE];
    Arrays.fill(ranks, 1);
    int lanes = kernels.panelWidth();
    everything = new float[lanes];
    // Nothing is below this, so that every tile is written.
    Arrays.fill(everything, Float.NEGATIVE_INFINITY);
    scratch =
        new PerThread<>(
            () -> new Scratch(Panels.allocate((long) inputs * lanes), new float[TILE * lanes]));
  }

  /** Values per input row. */
  public int inputs() {
    return inputs;
  }

  /** Values per output row. */
  public int outputs() {
    return outputs;
  }

  /**
   * Maps rows.
   *
   * @param rows {@code [count, inputs]}, finite
   * @param out {@code [count, outputs]}, overwritten
   */
  public void apply(float[] rows, int count, float[] out, Workers workers) {
    int lanes = kernels.panelWidth();
    workers.run(Math.ceilDiv(count, lanes), panel -> applyPanel(rows, panel * lanes, count, out));
  }

  private void applyPanel(float[] rows, int first, int count, float[] out) {
    int lanes = kernels.panelWidth();
    Scratch own = scratch.get();
    kernels.packTokens(rows, first, count, inputs, own.panel, 0);
    int taken = Math.min(lanes, count - first);
    for (int tile = 0; tile < tiles.length; tile++) {
      int start = tile * TILE;
      kernels.encodeTile(
          tiles[tile], offset, ranks, start, own.panel, 0, inputs, everything, 0, own.products);
      int height = Math.min(TILE, outputs - start);
      for (int j = 0; j < taken; j++) {
        int at = (first + j) * outputs + start;
        for (int i = 0; i < height; i++) {
          out[at + i] = own.products[i * lanes + j];
        }
      }
    }
  }
}

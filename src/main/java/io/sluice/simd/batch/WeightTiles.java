package io.sluice.simd.batch;

import io.sluice.memory.ScratchArrays;
import io.sluice.simd.int8.Int8Weights;

/**
 * Prepares weights, eight rows at a time: projects them by the {@link Screen} if there is one, and
 * rounds them to int8. Scratch memory of one thread.
 */
final class WeightTiles {
  private static final int TILE = SparseKernels.TILE_FEATURES;

  private final SparseKernels kernels;
  private final PreparedWeights table;
  private final Int8Weights.Scratch rounding = new Int8Weights.Scratch();
  private final int[] places = new int[TILE];
  private final double[] squares = new double[TILE];

  /** Eight rows as they are. */
  private float[] rows = new float[0];

  /** Eight rows within the screen. */
  private float[] projected = new float[0];

  private TileProduct product;
  private int width;

  WeightTiles(SparseKernels kernels, PreparedWeights table) {
    this.kernels = kernels;
    this.table = table;
  }

  /** Makes room for rows of the table's width. */
  void fit() {
    if (width != table.weights().width()) {
      width = table.weights().width();
      product = new TileProduct(kernels, width);
      rows = new float[TILE * width];
    }
    projected = ScratchArrays.atLeast(projected, TILE * table.coordinates());
  }

  /** Projects the weights at the places of the order from {@code from} to {@code to}. */
  void project(int from, int to) {
    for (int at = from; at < to; at += TILE) {
      int count = Math.min(TILE, to - at);
      for (int i = 0; i < count; i++) {
        places[i] = at + i;
      }
      table.screened().setTile(at, load(count));
    }
  }

  /** Rounds what must be of the weights at the places of the order from {@code from} on. */
  void round(int from, int to) {
    int count = 0;
    for (int place = from; place < to; place++) {
      if (table.takeUnrounded(place)) {
        places[count++] = place;
      }
      if (count == TILE || count > 0 && place == to - 1) {
        round(count);
        count = 0;
      }
    }
  }

  private void round(int count) {
    EncoderWeights weights = table.weights();
    int coordinates = table.coordinates();
    boolean whole = table.screen() == null;
    float[] tile = load(count);
    for (int i = 0; i < count; i++) {
      int feature = table.feature(places[i]);
      int at = i * coordinates;
      table
          .rounded()
          .set(
              places[i],
              tile,
              at,
              weights.factors()[feature],
              weights.bias()[feature],
              whole ? Math.sqrt(table.square(places[i])) : norm(tile, at, coordinates - 1),
              whole ? 0 : tile[at + coordinates - 1],
              rounding);
    }
  }

  /** Rounds the row of a feature that is at the place of its number, without a factor. */
  void round(int feature, float bias) {
    table.copyRow(feature, rows, 0);
    double norm = Math.sqrt(table.square(feature));
    table.rounded().set(feature, rows, 0, 1, bias, norm, 0, rounding);
  }

  /** Gathers the rows at some places, within the screen if there is one. */
  private float[] load(int count) {
    table.gather(places, count, rows);
    if (table.screen() == null) {
      return rows;
    }
    for (int i = 0; i < TILE; i++) {
      squares[i] = i < count ? table.square(places[i]) : 0;
    }
    table.screen().projectRows(rows, squares, product, projected);
    return projected;
  }

  private static double norm(float[] values, int at, int count) {
    double square = 0;
    for (int i = at; i < at + count; i++) {
      square += (double) values[i] * values[i];
    }
    return Math.sqrt(square);
  }
}

package io.sluice.simd.batch;

import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteWeightsException;
import io.sluice.simd.int8.Int8Product;
import io.sluice.simd.int8.Int8Weights;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;

/**
 * The weights of an encoder in the form that its tasks read: in an order of features, projected by
 * a {@link Screen} if there is one, and rounded to int8 if bounds from int8 are used.
 */
final class PreparedWeights {
  private static final int TILE = SparseKernels.TILE_FEATURES;

  /** Features of one task of preparing weights. */
  private static final int TASK_FEATURES = 64;

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final SparseKernels kernels;
  private final Workers workers;

  private EncoderWeights weights;
  private double[] squares = new double[0];
  private float longest;
  private float largestBias;

  /** The features in the order in which they are multiplied. */
  private int[] order = new int[0];

  /** Whether the order is that of the features. */
  private boolean inOrder;

  private Screen screen;

  /** The weights within the screen, in {@link #order}. */
  private final ScreenedRows screened = new ScreenedRows();

  private boolean screenedIsCurrent;

  /** Supplies the product of rounded values; null after its one call. */
  private Supplier<? extends Int8Product> products;

  /** The product of rounded values; null if this machine has none. */
  private Int8Product product;

  /** The weights rounded to int8, in {@link #order}; null if they are not used. */
  private Int8Weights rounded;

  private boolean roundedIsCurrent;

  /** By feature, whether it changed since it was rounded. */
  private boolean[] unrounded = new boolean[0];

  /** How often weights were set, and the rows that moved at all these times together. */
  private long changes;

  private long movedRows;
  private final LongAdder followedRows = new LongAdder();

  /** Scratch memory for preparing weights that no thread uses at the moment. */
  private final ConcurrentLinkedDeque<WeightTiles> idle = new ConcurrentLinkedDeque<>();

  PreparedWeights(
      SparseKernels kernels, Workers workers, Supplier<? extends Int8Product> products) {
    this.kernels = kernels;
    this.workers = workers;
    this.products = products;
  }

  /**
   * Sets the weights, or declares that they have changed.
   *
   * @param moved by feature, whether it may differ; null if all may
   * @return whether they have another shape than before, and order and screen are gone
   */
  boolean set(EncoderWeights weights, boolean[] moved) {
    if (moved != null && moved.length < weights.features()) {
      throw new IllegalArgumentException(
          moved.length + " marks of rows that moved, for " + weights.features() + " features");
    }
    boolean other =
        this.weights == null
            || this.weights.features() != weights.features()
            || this.weights.width() != weights.width();
    this.weights = weights;
    int features = weights.features();
    if (other) {
      squares = new double[features];
      order = new int[features];
      Arrays.setAll(order, i -> i);
      inOrder = true;
      unrounded = new boolean[features];
      screen = null;
      changes = 0;
      movedRows = 0;
      followedRows.reset();
    }
    screenedIsCurrent = false;
    roundedIsCurrent = false;
    changes++;
    for (int feature = 0; feature < features; feature++) {
      boolean now = other || moved == null || moved[feature];
      unrounded[feature] |= now;
      movedRows += now ? 1 : 0;
    }
    return other;
  }

  /**
   * The share of the rows that are projected for each batch: in int8 those that moved, else all
   * whenever any did.
   *
   * @param batches so many were encoded since the shape is this one
   */
  double movedShare(long batches) {
    if (batches < 2) {
      return 1;
    }
    // The first weights do not show how many rows change.
    double rows = movedRows + followedRows.sum();
    double moved = rounded == null ? changes - 1 : rows / weights.features() - 1;
    return Math.min(1, moved / (batches - 1));
  }

  /**
   * Measures the weights that were set.
   *
   * @param moved by feature, whether it may differ from when it was last measured; null if all may
   * @throws NonFiniteWeightsException if a weight, bias or factor is NaN or infinite, or weights
   *     are so large that their squares are
   */
  void measure(boolean[] moved) {
    int features = weights.features();
    workers.run(
        Math.ceilDiv(features, TASK_FEATURES),
        task -> {
          int end = Math.min(features, (task + 1) * TASK_FEATURES);
          for (int first = task * TASK_FEATURES; first < end; first++) {
            int last = first;
            while (last < end && (moved == null || moved[last])) {
              last++;
            }
            if (last > first) {
              kernels.squareRows(weights.rows(), weights.width(), first, last, squares);
              first = last;
            }
          }
        });
    double most = 0;
    double bias = 0;
    for (int feature = 0; feature < features; feature++) {
      double norm = weights.factors()[feature] * Math.sqrt(squares[feature]);
      if (!(norm <= Float.MAX_VALUE) || !Float.isFinite(weights.bias()[feature])) {
        throw new NonFiniteWeightsException(feature);
      }
      most = Math.max(most, norm);
      bias = Math.max(bias, weights.factors()[feature] * Math.abs(weights.bias()[feature]));
    }
    longest = (float) most;
    largestBias = (float) bias;
  }

  /** The weights; null before {@link #set}. */
  EncoderWeights weights() {
    return weights;
  }

  /**
   * The largest rounding error of two sums for a score of a token with this norm: {@code 4·(width +
   * 1)·2⁻²⁴} of the largest sum of absolute values.
   */
  float room(float norm) {
    double rounding = 4.0 * (weights.width() + 1) * 0x1p-24;
    return (float) (rounding * ((double) norm * longest + largestBias));
  }

  /** The feature at a place of the order. */
  int feature(int place) {
    return order[place];
  }

  /** The squared norm of the row at a place of the order; 0 past the last. */
  double square(int place) {
    return place < order.length ? squares[order[place]] : 0;
  }

  /** The screen in use; null if products are computed in full. */
  Screen screen() {
    return screen;
  }

  /** The bounds in use, as {@link BatchEncoder#screen} names them. */
  String bounds() {
    if (rounded == null) {
      return screen == null ? "none" : "directions";
    }
    return screen == null ? "int8" : "int8, directions";
  }

  /** The weights within the screen, after {@link #makeReady}. */
  ScreenedRows screened() {
    return screened;
  }

  /** Values per packed vector. */
  int coordinates() {
    return screen == null ? weights.width() : screen.coordinates();
  }

  /** Values per vector that are rounded to int8: what is outside a screen is not. */
  int roundedCoordinates() {
    return screen == null ? weights.width() : screen.coordinates() - 1;
  }

  /** Sorts features by how often they fired, the most often first, and halves the counts. */
  void sortByFired(int[] fired) {
    long[] keys = new long[order.length];
    for (int feature = 0; feature < keys.length; feature++) {
      keys[feature] = (long) (Integer.MAX_VALUE - fired[feature]) << 32 | feature;
      fired[feature] /= 2;
    }
    Arrays.sort(keys);
    Arrays.setAll(order, i -> (int) keys[i]);
    inOrder = false;
    screenedIsCurrent = false;
    roundAll();
  }

  /** Sets another screen, or none. */
  void setScreen(Screen screen) {
    if (this.screen != null || screen != null) {
      roundAll();
    }
    this.screen = screen;
    screenedIsCurrent = false;
  }

  /** The product of rounded values, if {@link #rounded} is not null. */
  Int8Product product() {
    return product;
  }

  /** The weights rounded to int8, after {@link #makeReady}; null if they are not used. */
  Int8Weights rounded() {
    return rounded;
  }

  /** Uses weights rounded to int8 if there is a product for them, or no longer. */
  void useRounded(boolean wanted) {
    if (wanted && products != null) {
      product = products.get();
      products = null;
    }
    if (!wanted || product == null) {
      rounded = null;
      return;
    }
    if (rounded == null) {
      // Rows in float32 would take more than the rounded ones.
      screened.release();
      screenedIsCurrent = false;
      rounded = new Int8Weights();
      roundAll();
    }
    rounded.fit(weights.features(), roundedCoordinates());
  }

  /**
   * Takes the features' thresholds off their rounded biases, so that all have the threshold 0.
   *
   * @param thresholds by feature; null if there are none
   */
  void shiftBiases(float[] thresholds) {
    if (thresholds == null) {
      return;
    }
    for (int place = 0; place < order.length; place++) {
      int feature = order[place];
      rounded.setBias(
          place, weights.factors()[feature], weights.bias()[feature], thresholds[feature]);
    }
  }

  private void roundAll() {
    roundedIsCurrent = false;
    Arrays.fill(unrounded, true);
  }

  /** As {@link BatchEncoder#follower}. */
  BatchEncoder.Follower follower() {
    if (rounded == null || screen != null || !inOrder) {
      return null;
    }
    WeightTiles tiles = take();
    return new BatchEncoder.Follower() {
      private long rows;

      @Override
      public void follow(int feature, float bias) {
        rows++;
        kernels.squareRows(weights.rows(), weights.width(), feature, feature + 1, squares);
        tiles.round(feature, bias);
      }

      @Override
      public void end() {
        followedRows.add(rows);
        idle.push(tiles);
      }
    };
  }

  private WeightTiles take() {
    WeightTiles tiles = idle.poll();
    if (tiles == null) {
      tiles = new WeightTiles(kernels, this);
    }
    tiles.fit();
    return tiles;
  }

  /** Rounds or projects what must be before the weights are used. */
  void makeReady() {
    if (rounded != null && !roundedIsCurrent) {
      forAll(WeightTiles::round);
      roundedIsCurrent = true;
    }
    if (rounded == null && screen != null && !screenedIsCurrent) {
      screened.fit(weights.features(), screen.coordinates());
      forAll(WeightTiles::project);
      screenedIsCurrent = true;
    }
  }

  private void forAll(OnPlaces work) {
    int features = weights.features();
    workers.run(
        Math.ceilDiv(features, TASK_FEATURES),
        number -> {
          WeightTiles tiles = take();
          int first = number * TASK_FEATURES;
          work.apply(tiles, first, Math.min(features, first + TASK_FEATURES));
          idle.push(tiles);
        });
  }

  /** What is done with the weights at some places of the order. */
  private interface OnPlaces {
    void apply(WeightTiles tiles, int first, int end);
  }

  /**
   * Whether the row at a place of the order must be rounded, which the caller then does. Threads
   * ask for places of their own.
   */
  boolean takeUnrounded(int place) {
    int feature = order[place];
    boolean needs = unrounded[feature];
    unrounded[feature] = false;
    return needs;
  }

  /** Copies the rows at eight places of the order, one after the other, together. */
  void gather(int place, float[] into) {
    for (int i = 0; i < TILE; i++) {
      copyRow(place + i, into, i);
    }
  }

  /** Copies the rows at up to eight places of the order together. */
  void gather(int[] places, int count, float[] into) {
    for (int i = 0; i < TILE; i++) {
      copyRow(i < count ? places[i] : order.length, into, i);
    }
  }

  /** Copies a row; past the last place, zeros. */
  void copyRow(int place, float[] into, int at) {
    int width = weights.width();
    if (place < order.length) {
      long from = (long) order[place] * width * Float.BYTES;
      MemorySegment.copy(weights.rows(), FLOAT, from, into, at * width, width);
    } else {
      Arrays.fill(into, at * width, (at + 1) * width, 0);
    }
  }
}

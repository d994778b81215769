package io.sluice.simd.batch;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.ScratchArrays;
import io.sluice.simd.int8.Int8Product;
import io.sluice.simd.int8.Int8Tokens;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * One task of a {@link TileScan}: some of the tokens, and scratch memory. Used by one thread at a
 * time.
 *
 * <p>In float32, tokens lie in panels, and a tile of pre-activations is compared with the lowest
 * threshold of its features while it is in registers; only tiles with a value above it are examined
 * feature by feature. With weights rounded to int8, pairs that pass the bound are compared by a row
 * product, and pairs that pass that comparison are summed again in the order of the tile. So both
 * ways give the same bits.
 *
 * @param <S> the type of the collected codes
 */
final class ScanTask<S extends FoundCodes> {
  private static final int TILE = SparseKernels.TILE_FEATURES;
  private static final int BLOCK = Int8Product.BLOCK;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** The cost of a sum in the order of the tile for one pair, in multiplications of a tile. */
  private static final double ORDERED = 16;

  final S found;
  private final SparseKernels kernels;
  private final PreparedWeights table;
  private final int lanes;
  private int first;
  private int end;

  // ---- for float32 ----

  private final GrowingMemory panelMemory = new GrowingMemory();
  private MemorySegment panels = MemorySegment.NULL;
  private float[] rows = new float[0];
  private final float[] tile;
  private final float[] bias = new float[TILE];
  private final float[] factors = new float[TILE];

  /** The lowest threshold of a tile, then one after the other those of its features, by lane. */
  private final float[] thresholds;

  // ---- for int8 ----

  private Int8Tokens rounded;

  /** By token, the largest rounding error of a product. */
  private float[] room = new float[0];

  /** By token, what its bounds must exceed. */
  private float[] least = new float[0];

  /** How many tokens passed with each feature of a block, and which, {@code [BLOCK, tokens]}. */
  private final int[] passing = new int[BLOCK];

  private int[] pairs = new int[0];
  private float[] values = new float[0];
  private int there;
  private final Int8Tokens.Passing notes = this::notePassing;
  private double work;

  ScanTask(SparseKernels kernels, PreparedWeights table, S found) {
    this.kernels = kernels;
    this.table = table;
    this.found = found;
    lanes = kernels.panelWidth();
    tile = new float[TILE * lanes];
    thresholds = new float[(TILE + 1) * lanes];
  }

  /** The first token of the last share. */
  int first() {
    return first;
  }

  /** How many tokens the last share had. */
  int tokens() {
    return end - first;
  }

  /**
   * Finds the codes above their thresholds for the tokens from {@code first} to {@code end}, in
   * float32.
   */
  void multiply(float[] tokens, int first, int end) {
    this.first = first;
    this.end = end;
    found.clear();
    EncoderWeights weights = table.weights();
    int width = weights.width();
    int share = Math.ceilDiv(end - first, lanes);
    panels = panelMemory.of((long) lanes * share, width);
    rows = ScratchArrays.atLeast(rows, width * TILE);
    for (int p = 0; p < share; p++) {
      kernels.packTokens(tokens, first + p * lanes, end, width, panels, (long) p * width * lanes);
    }
    for (int feature = 0; feature < weights.features(); feature += TILE) {
      int here = Math.min(TILE, weights.features() - feature);
      MemorySegment.copy(
          weights.rows(), FLOAT, (long) feature * width * Float.BYTES, rows, 0, here * width);
      Arrays.fill(rows, here * width, TILE * width, 0);
      // Features past the last one have a factor of 0 and so are above no threshold.
      Arrays.fill(factors, 0);
      System.arraycopy(weights.bias(), feature, bias, 0, here);
      System.arraycopy(weights.factors(), feature, factors, 0, here);
      setThresholds(feature, here);
      for (int p = 0; p < share; p++) {
        if (kernels.encodeTile(
            rows, bias, factors, panels, (long) p * width * lanes, width, thresholds, 0, tile)) {
          collect(feature, here, p * lanes);
        }
      }
    }
  }

  private void setThresholds(int feature, int here) {
    float lowest = Float.POSITIVE_INFINITY;
    for (int i = 0; i < here; i++) {
      float threshold = found.threshold(feature + i);
      lowest = Math.min(lowest, threshold);
      Arrays.fill(thresholds, (i + 1) * lanes, (i + 2) * lanes, threshold);
    }
    Arrays.fill(thresholds, 0, lanes, lowest);
  }

  private void collect(int feature, int here, int panel) {
    for (int i = 0; i < here; i++) {
      float factor = factors[i];
      long passed = kernels.above(tile, i * lanes, factor, thresholds, (i + 1) * lanes);
      for (; passed != 0; passed &= passed - 1) {
        int lane = Long.numberOfTrailingZeros(passed);
        // Lanes past the last token hold zeros; with a large bias they could exceed the threshold.
        if (panel + lane < end - first) {
          float value = tile[i * lanes + lane];
          found.add(panel + lane, feature + i, value, factor * value);
        }
      }
    }
  }

  /**
   * Finds the same with weights rounded to int8.
   *
   * @param shifted whether the features' thresholds are in their biases
   */
  void compare(float[] tokens, int first, int end, boolean shifted) {
    this.first = first;
    this.end = end;
    found.clear();
    EncoderWeights weights = table.weights();
    round(tokens, weights.width());
    work = 0;
    try {
      for (int place = 0; place < weights.features(); place += BLOCK) {
        there = Math.min(BLOCK, weights.features() - place);
        float threshold = shifted ? 0 : found.threshold(place);
        for (int token = 0; token < end - first; token++) {
          least[token] = Math.nextDown(threshold - room[token]);
        }
        rounded.compare(table.rounded(), place / BLOCK, least, false, notes);
        for (int i = 0; i < there; i++) {
          if (passing[i] > 0) {
            collectPassing(tokens, weights, place + i, i * (end - first), passing[i]);
            passing[i] = 0;
          }
        }
      }
    } finally {
      rounded.release();
    }
  }

  /**
   * The cost of the last {@link #compare} without products in int8, in multiplications of a tile.
   */
  double work() {
    return work;
  }

  private void round(float[] tokens, int width) {
    int count = end - first;
    if (rounded == null) {
      rounded = new Int8Tokens(table.product());
    }
    rounded.fit(count, width);
    room = ScratchArrays.atLeast(room, count);
    least = ScratchArrays.atLeast(least, count);
    pairs = ScratchArrays.atLeast(pairs, BLOCK * count);
    values = ScratchArrays.atLeast(values, BLOCK * count);
    for (int token = 0; token < count; token++) {
      int at = (first + token) * width;
      double square = 0;
      for (int i = at; i < at + width; i++) {
        square += (double) tokens[i] * tokens[i];
      }
      room[token] = table.room((float) Math.sqrt(square));
      rounded.set(token, tokens, at);
    }
  }

  private void notePassing(int token, long features) {
    // Rows beyond the last feature are not features, even where every bound is infinite.
    for (long left = features & -1L >>> (BLOCK - there); left != 0; left &= left - 1) {
      int feature = Long.numberOfTrailingZeros(left);
      pairs[feature * (end - first) + passing[feature]++] = first + token;
    }
  }

  private void collectPassing(
      float[] tokens, EncoderWeights weights, int feature, int from, int count) {
    int width = weights.width();
    float factor = weights.factors()[feature];
    float bias = weights.bias()[feature];
    float threshold = found.threshold(feature);
    kernels.dotVectors(weights.rows(), width, feature, tokens, pairs, from, from + count, values);
    int kept = from;
    for (int e = from; e < from + count; e++) {
      float score = factor * (values[e] + bias);
      // A sum may overflow in one order and be finite in another.
      if (!(score <= threshold - room[pairs[e] - first]) || !Float.isFinite(score)) {
        pairs[kept++] = pairs[e];
      }
    }
    kernels.encodePairs(weights.rows(), width, feature, bias, tokens, pairs, from, kept, values);
    for (int e = from; e < kept; e++) {
      float value = values[e];
      if (factor * value > threshold) {
        found.add(pairs[e] - first, feature, value, factor * value);
      }
    }
    work += count * ScreenChoice.pairCost(width) + (kept - from) * ORDERED * width;
  }
}

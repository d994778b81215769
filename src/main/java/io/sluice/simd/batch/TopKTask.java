package io.sluice.simd.batch;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.ScratchArrays;
import io.sluice.simd.int8.Int8Product;
import io.sluice.simd.int8.Int8Tokens;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * One task of a {@link TopKEncoder}: some of the tokens, and scratch memory for packed operands,
 * the pairs that passed the bound, and the k largest scores of each token so far. Used by one
 * thread at a time, for one batch after another.
 */
final class TopKTask {
  /** Tiles that are multiplied with a panel while it is in the first-level cache. */
  private static final int TILES = 2;

  private static final int TILE = SparseKernels.TILE_FEATURES;

  /** Score in place of a feature beyond the last: below every threshold. */
  private static final float NOTHING = -Float.MAX_VALUE;

  private final SparseKernels kernels;
  private final PreparedWeights table;
  private final boolean byAmount;
  private final TopKHeaps heaps = new TopKHeaps();
  private final float[][] rows = new float[TILES][0];
  private final float[][] bias = new float[TILES][TILE];
  private final float[][] factors = new float[TILES][TILE];
  private final float[] tile;
  private final double[] squares;

  /** Below all that is finite: a tile is then always written. */
  private final float[] nothing;

  /** How many tokens passed with each feature of a tile or a block. */
  private final int[] passing = new int[Int8Product.BLOCK];

  /** Which tokens passed, {@code [features of a tile or a block, capacity]}. */
  private int[] pairs = new int[0];

  private float[] dots = new float[0];
  private int capacity;
  private final GrowingMemory panelsMemory = new GrowingMemory();
  private final GrowingMemory panelMemory = new GrowingMemory();
  private MemorySegment panels = MemorySegment.NULL;
  private MemorySegment panel = MemorySegment.NULL;
  private float[] thresholds = new float[0];
  private float[] floors = new float[0];
  private float[] norms = new float[0];

  /** The largest rounding error of a product. */
  private float[] room = new float[0];

  private int[] postponed = new int[0];
  private float[] postponedTokens = new float[0];
  private int waiting;
  private float guess;

  /** The tokens rounded to int8, once the weights are. */
  private Int8Tokens rounded;

  private final Int8Tokens.Passing notes = this::notePassing;

  /** Features of the block that is compared. */
  private int there;

  private long passed;
  private Screen.Scratch plain;
  private int plainWidth;
  private int first;
  private int end;

  TopKTask(SparseKernels kernels, PreparedWeights table, boolean byAmount) {
    this.kernels = kernels;
    this.table = table;
    this.byAmount = byAmount;
    tile = new float[TILE * kernels.panelWidth()];
    squares = new double[kernels.panelWidth()];
    nothing = new float[kernels.panelWidth()];
    Arrays.fill(nothing, Float.NEGATIVE_INFINITY);
  }

  /** Finds the codes of the tokens from {@code first} to {@code end}. */
  void select(float[] tokens, int first, int end, int k, float guess) {
    this.first = first;
    this.end = end;
    this.guess = guess;
    fit();
    heaps.reset(end - first, k);
    pack(tokens);
    passed = 0;
    if (table.rounded() == null) {
      multiplyFeatures(tokens);
    } else {
      compareRounded(tokens);
    }
  }

  /** Pairs of the last selection that were computed in full. */
  long passed() {
    return passed;
  }

  /** Whether no feature can have been missed because the guess was too high. */
  boolean isCertain(int token) {
    return floors[token] <= 0 || heaps.least(token) >= floors[token];
  }

  /** The least score that was kept, over the token's norm. */
  float ratio(int token) {
    return norms[token] > 0 ? heaps.least(token) / norms[token] : 0;
  }

  /** Keeps a token for {@link #selectPostponed}. */
  void postpone(int token, float[] tokens) {
    int width = table.weights().width();
    postponed = ScratchArrays.extended(postponed, waiting + 1);
    postponedTokens = ScratchArrays.extended(postponedTokens, (waiting + 1) * width);
    System.arraycopy(tokens, token * width, postponedTokens, waiting * width, width);
    postponed[waiting++] = token;
  }

  /** Selects once more, and with no guess, for tokens of which the guess was wrong. */
  void selectPostponed(int k, int[] features, float[] values, int[] counts) {
    int count = waiting;
    waiting = 0;
    if (count > 0) {
      select(postponedTokens, 0, count, k, 0);
      for (int i = 0; i < count; i++) {
        counts[postponed[i]] = drain(i, postponed[i], k, postponedTokens, features, values);
      }
    }
  }

  private void fit() {
    int lanes = kernels.panelWidth();
    int padded = Math.ceilDiv(end - first, lanes) * lanes;
    // Rounded tokens need one panel at a time.
    panels = panelsMemory.of(table.rounded() == null ? padded : lanes, table.coordinates());
    capacity = Math.max(capacity, padded);
    thresholds = ScratchArrays.atLeast(thresholds, padded);
    floors = ScratchArrays.atLeast(floors, padded);
    norms = ScratchArrays.atLeast(norms, padded);
    room = ScratchArrays.atLeast(room, padded);
    int lists = table.rounded() == null ? TILES * TILE : Int8Product.BLOCK;
    pairs = ScratchArrays.atLeast(pairs, lists * capacity);
    dots = ScratchArrays.atLeast(dots, lists * capacity);
    if (table.rounded() != null) {
      if (rounded == null) {
        rounded = new Int8Tokens(table.product());
      }
      rounded.fit(end - first, table.roundedCoordinates());
    }
    for (int i = 0; i < TILES; i++) {
      rows[i] = ScratchArrays.atLeast(rows[i], table.coordinates() * TILE);
    }
    if (plainWidth != table.weights().width()) {
      plainWidth = table.weights().width();
      plain = new Screen.Scratch(kernels, plainWidth);
      panel = panelMemory.of(kernels.panelWidth(), plainWidth);
    }
  }

  /** Packs the task's tokens, within the screen if there is one, and sets the thresholds. */
  private void pack(float[] tokens) {
    int lanes = kernels.panelWidth();
    int width = table.weights().width();
    for (int p = 0; first + p * lanes < end; p++) {
      int token = first + p * lanes;
      long at = (long) p * lanes * table.coordinates();
      for (int j = 0; j < lanes; j++) {
        int own = p * lanes + j;
        if (token + j >= end) {
          // No score passes beyond the last token.
          squares[j] = 0;
          thresholds[own] = Float.POSITIVE_INFINITY;
          continue;
        }
        double square = 0;
        for (int i = (token + j) * width; i < (token + j + 1) * width; i++) {
          square += (double) tokens[i] * tokens[i];
        }
        squares[j] = square;
        norms[own] = (float) Math.sqrt(square);
        room[own] = table.room(norms[own]);
        floors[own] = guess * norms[own];
        thresholds[own] = threshold(own, floors[own]);
      }
      if (table.rounded() != null) {
        round(tokens, token);
      } else if (table.screen() == null) {
        kernels.packTokens(tokens, token, end, width, panels, at);
      } else {
        kernels.packTokens(tokens, token, end, width, panel, 0);
        table.screen().projectPanel(panel, squares, plain, panels, at);
      }
    }
  }

  /** Rounds a panel of tokens, within the screen if there is one. */
  private void round(float[] tokens, int token) {
    int lanes = kernels.panelWidth();
    int width = table.weights().width();
    int here = Math.min(lanes, end - token);
    if (table.screen() != null) {
      kernels.packTokens(tokens, token, end, width, panel, 0);
      table.screen().projectPanel(panel, squares, plain, panels, 0);
    }
    for (int j = 0; j < here; j++) {
      if (table.screen() == null) {
        rounded.set(token - first + j, tokens, (token + j) * width);
      } else {
        rounded.set(token - first + j, panels, lanes, j);
      }
    }
  }

  /**
   * What a bound must exceed so that its feature may have at least this score: what equals the
   * least that is kept may have the lower feature.
   */
  private float threshold(int token, float score) {
    return Math.nextDown(score - room[token]);
  }

  /** All features for all tokens of the task, a few tiles at a time. */
  void multiplyFeatures(float[] tokens) {
    int features = table.weights().features();
    for (int place = 0; place < features; place += TILES * TILE) {
      int tiles = Math.min(TILES, Math.ceilDiv(features - place, TILE));
      for (int i = 0; i < tiles; i++) {
        load(place + i * TILE, i);
      }
      multiplyTiles(tiles);
      offerPassing(tokens, place, tiles * TILE);
    }
  }

  /**
   * The loaded tiles for all tokens of the task. A method of its own, so that it is called often
   * enough to be compiled from its beginning, and not from within one of the loops around it.
   */
  private void multiplyTiles(int tiles) {
    int lanes = kernels.panelWidth();
    int width = table.coordinates();
    int panelLength = width * lanes;
    for (int p = 0; first + p * lanes < end; p++) {
      for (int i = 0; i < tiles; i++) {
        if (kernels.encodeTile(
            rows[i],
            bias[i],
            factors[i],
            panels,
            (long) p * panelLength,
            width,
            byAmount ? nothing : thresholds,
            byAmount ? 0 : p * lanes,
            tile)) {
          notePassing(i, p * lanes);
        }
      }
    }
  }

  /** All features for all tokens of the task, a block at a time, by their rounded values. */
  private void compareRounded(float[] tokens) {
    int block = Int8Product.BLOCK;
    int features = table.weights().features();
    try {
      for (int place = 0; place < features; place += block) {
        int n = Math.min(block, features - place);
        there = n;
        rounded.compare(table.rounded(), place / block, thresholds, byAmount, notes);
        offerPassing(tokens, place, n);
      }
    } finally {
      rounded.release();
    }
  }

  private void notePassing(int token, long features) {
    // Rows beyond the last feature are not features, even where every bound is infinite.
    for (long left = features & -1L >>> (Int8Product.BLOCK - there); left != 0; left &= left - 1) {
      int feature = Long.numberOfTrailingZeros(left);
      pairs[feature * capacity + passing[feature]++] = first + token;
    }
  }

  private void load(int place, int into) {
    int n = Math.min(TILE, table.weights().features() - place);
    for (int i = 0; i < TILE; i++) {
      bias[into][i] = i < n ? table.weights().bias()[table.feature(place + i)] : NOTHING;
      factors[into][i] = i < n ? table.weights().factors()[table.feature(place + i)] : 1;
    }
    if (table.screen() == null) {
      table.gather(place, rows[into]);
    } else {
      table.screened().tile(place, rows[into]);
    }
  }

  private void notePassing(int into, int lane) {
    int lanes = kernels.panelWidth();
    for (int i = 0; i < TILE; i++) {
      float factor = factors[into][i];
      long passed = kernels.above(tile, i * lanes, factor, thresholds, lane);
      if (byAmount) {
        // Past the last feature, the most negative float has the largest amount.
        boolean there = bias[into][i] != NOTHING;
        passed = there ? passed | kernels.above(tile, i * lanes, -factor, thresholds, lane) : 0;
      }
      int feature = into * TILE + i;
      int slot = feature * capacity + passing[feature];
      passing[feature] += Long.bitCount(passed);
      for (; passed != 0; passed &= passed - 1) {
        pairs[slot++] = first + lane + Long.numberOfTrailingZeros(passed);
      }
    }
  }

  /**
   * Computes the pairs that passed, one feature at a time, so that its row stays in the first-level
   * cache.
   */
  private void offerPassing(float[] tokens, int place, int count) {
    int width = table.weights().width();
    for (int i = 0; i < count; i++) {
      if (passing[i] == 0) {
        continue;
      }
      passed += passing[i];
      int feature = table.feature(place + i);
      float bias = table.weights().bias()[feature];
      float factor = table.weights().factors()[feature];
      int from = i * capacity;
      int to = from + passing[i];
      passing[i] = 0;
      kernels.dotVectors(table.weights().rows(), width, feature, tokens, pairs, from, to, dots);
      for (int e = from; e < to; e++) {
        int token = pairs[e] - first;
        float score = factor * (dots[e] + bias);
        if (heaps.offer(token, feature, byAmount ? Math.abs(score) : score)) {
          thresholds[token] = threshold(token, Math.max(heaps.least(token), floors[token]));
        }
      }
    }
  }

  private float value(int feature, float[] tokens, int token) {
    pairs[0] = token;
    kernels.dotVectors(
        table.weights().rows(), table.weights().width(), feature, tokens, pairs, 0, 1, dots);
    return dots[0] + table.weights().bias()[feature];
  }

  /** Copies the codes that a token keeps, and returns their number. */
  int drain(int own, int token, int k, float[] tokens, int[] features, float[] values) {
    int at = token * k;
    int count = heaps.drain(own, features, values, at);
    for (int i = at; i < at + count; i++) {
      if (byAmount || table.weights().factors()[features[i]] != 1) {
        values[i] = value(features[i], tokens, first + own);
      }
    }
    return count;
  }
}

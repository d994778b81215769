package io.sluice.simd.batch;

import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.simd.NonFiniteWeightsException;
import io.sluice.simd.Panels;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * Encodes tokens and selects the exact top k of each in one pass, without ever holding a {@code
 * tokens × features} matrix.
 *
 * <p>A tile computes an upper bound of eight features' pre-activations for a panel of tokens and
 * compares it with each token's running threshold while it is in registers. The few pairs that pass
 * are computed in full, always by the same row product, and offered to the token's heap. The bound
 * is the product itself and some room for its rounding, or, where that is cheaper, the product
 * within a {@link Screen}. Features that fired most come first, so that thresholds are high early.
 *
 * <p>Neither the screen nor the order nor the number of threads changes a single bit of the result,
 * so all of them may follow what was seen. Of equal ranks the lower feature stays.
 *
 * <p>An instance keeps its scratch memory from call to call; it is used by one caller at a time.
 */
public final class TopKEncoder {
  /** Panels of one task: their tokens stay in the second-level cache while all weights pass by. */
  private static final int TASK_BYTES = 640 << 10;

  /** Tiles that meet a panel while it is in the first-level cache. */
  private static final int TILES = 2;

  private static final int TILE = SparseKernels.TILE_FEATURES;

  /** Features of one task of preparing weights. */
  private static final int TASK_FEATURES = 64;

  /** Below these a screen is not worth finding. */
  private static final int SCREENED_FEATURES = 1024;

  private static final int SCREENED_WIDTH = 64;
  private static final int MOST_DIRECTIONS = 1024;
  private static final int MOST_TOKENS = 4096;

  /** What stands for a feature beyond the last: it is above no threshold. */
  private static final float NOTHING = -Float.MAX_VALUE;

  /** One token in this many may have a least rank below the guess, less what weights may move. */
  private static final int FEW = 128;

  private static final float CAUTION = 0.97f;

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final SparseKernels kernels;
  private final Workers workers;
  private final ArrayDeque<Scratch> idle = new ArrayDeque<>();

  private EncoderWeights weights;
  private double[] squares = new double[0];
  private float longest;

  /** The features in the order in which tokens meet them. */
  private int[] order = new int[0];

  private int[] fired = new int[0];
  private Screen screen;

  /** The weights within the screen, in {@link #order}. */
  private final ScreenedRows screened = new ScreenedRows();

  private boolean screenedIsCurrent;

  /**
   * What the least rank that a token keeps will be, at least, over the token's norm: the ratio
   * hardly varies. A token for which this was too high is selected for once more without.
   */
  private float guess;

  private float[] ratios = new float[0];
  private long preparations;
  private long passes;

  /** An encoder without weights: {@link #prepare} comes first. */
  public TopKEncoder(Workers workers) {
    this(SparseKernels.ofThisMachine(), workers);
  }

  TopKEncoder(SparseKernels kernels, Workers workers) {
    this.kernels = kernels;
    this.workers = workers;
  }

  /**
   * Takes weights, or takes note that they have changed. They are read while encoding and must not
   * change before the next call of this.
   *
   * @throws NonFiniteWeightsException if a weight, bias or rank is NaN or infinite, or weights are
   *     so large that their squares are
   */
  public void prepare(EncoderWeights weights) {
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
      fired = new int[features];
      screen = null;
      guess = 0;
      preparations = 0;
      passes = 0;
    }
    preparations++;
    screenedIsCurrent = false;
    workers.run(
        Math.ceilDiv(features, TASK_FEATURES),
        task -> {
          int end = Math.min(features, (task + 1) * TASK_FEATURES);
          kernels.squareRows(weights.rows(), weights.width(), task * TASK_FEATURES, end, squares);
        });
    double most = 0;
    for (int feature = 0; feature < features; feature++) {
      float rank = weights.ranks()[feature];
      double norm = rank * Math.sqrt(squares[feature]);
      if (!(norm <= Float.MAX_VALUE) || !Float.isFinite(weights.bias()[feature])) {
        throw new NonFiniteWeightsException(feature);
      }
      most = Math.max(most, norm);
    }
    longest = (float) most;
  }

  /**
   * Finds the codes of {@code count} tokens: of each the {@code k} features of highest rank whose
   * value is positive, fewer where fewer are.
   *
   * @param tokens {@code [count, width]}
   * @param features receives token {@code r}'s features, ascending, from {@code r·k} on
   * @param values receives their values
   * @param counts receives how many each token has
   * @throws IllegalStateException if there are no weights
   * @throws NonFiniteException if a token has a value that is NaN or infinite
   */
  public void encode(
      float[] tokens, int count, int k, int[] features, float[] values, int[] counts) {
    if (weights == null) {
      throw new IllegalStateException("no weights to encode with; prepare comes first");
    }
    if (screen != null && !screenedIsCurrent) {
      screenWeights();
    }
    if (ratios.length < count) {
      ratios = new float[count];
    }
    int lanes = kernels.panelWidth();
    int panels = Math.ceilDiv(count, lanes);
    int panelBytes = coordinates() * lanes * Float.BYTES;
    int most = Math.max(1, TASK_BYTES / panelBytes);
    // Two tasks a thread at least: threads are seldom equally fast.
    int perTask = Math.clamp(Math.ceilDiv(panels, 2 * workers.threads()), 1, most);
    workers.run(
        Math.ceilDiv(panels, perTask),
        task -> {
          Scratch scratch = take();
          try {
            int first = task * perTask * lanes;
            int end = Math.min(count, first + perTask * lanes);
            NonFiniteException.requireFinite(tokens, first, end, weights.width());
            scratch.select(tokens, first, end, k, guess);
            for (int token = first; token < end; token++) {
              ratios[token] = scratch.ratio(token - first);
              if (scratch.isCertain(token - first)) {
                counts[token] = scratch.drain(token - first, token, k, tokens, features, values);
              } else {
                scratch.postpone(token, tokens);
              }
            }
            scratch.selectPostponed(k, features, values, counts);
          } finally {
            give(scratch);
          }
        });
    passes++;
    guess = lowQuantile(count) * CAUTION;
    for (int token = 0; token < count; token++) {
      for (int i = token * k; i < token * k + counts[token]; i++) {
        fired[features[i]]++;
      }
    }
    // 1, 4, 16, …: often while everything is new, seldom later.
    if (Long.bitCount(passes) == 1 && Long.numberOfTrailingZeros(passes) % 2 == 0) {
      learn(tokens, count, k, features, values, counts);
    }
  }

  /** What all but a few tokens' least rank over the token's norm exceeds. */
  private float lowQuantile(int count) {
    if (count == 0) {
      return guess;
    }
    Arrays.sort(ratios, 0, count);
    return ratios[count / FEW];
  }

  /** Values per packed vector. */
  private int coordinates() {
    return screen == null ? weights.width() : screen.coordinates();
  }

  /** The directions that are multiplied for every pair, or 0 if all coordinates are. */
  public int screenedDirections() {
    return screen == null ? 0 : screen.coordinates() - 1;
  }

  // ---- what follows from what was seen ----

  private void learn(
      float[] tokens, int count, int k, int[] features, float[] values, int[] counts) {
    long[] keys = new long[order.length];
    for (int feature = 0; feature < keys.length; feature++) {
      keys[feature] = (long) (Integer.MAX_VALUE - fired[feature]) << 32 | feature;
      fired[feature] /= 2;
    }
    Arrays.sort(keys);
    Arrays.setAll(order, i -> (int) keys[i]);
    screenedIsCurrent = false;
    int width = weights.width();
    int sampled = Math.min(count, MOST_TOKENS);
    if (weights.features() < SCREENED_FEATURES || width < SCREENED_WIDTH || sampled < width) {
      return;
    }
    float[] least = new float[count];
    for (int token = 0; token < count; token++) {
      if (counts[token] == k) {
        float lowest = Float.POSITIVE_INFINITY;
        for (int i = token * k; i < (token + 1) * k; i++) {
          lowest = Math.min(lowest, values[i] * weights.ranks()[features[i]]);
        }
        least[token] = lowest;
      }
    }
    int step = ScreenChoice.STEP;
    int directions = Math.min(MOST_DIRECTIONS, width * 3 / 4) / step * step;
    float[] basis = LeadingDirections.of(kernels, workers, tokens, sampled, width, directions);
    int kept =
        ScreenChoice.kept(
            kernels,
            basis,
            directions,
            new ScreenChoice.Sample(weights, tokens, count, least, preparations < passes));
    screen = kept == 0 ? null : new Screen(kernels, basis, kept, width);
    if (screen != null) {
      screened.fit(weights.features(), screen.coordinates());
    }
  }

  private void screenWeights() {
    int features = weights.features();
    workers.run(
        Math.ceilDiv(features, TASK_FEATURES),
        task -> {
          Scratch scratch = take();
          try {
            scratch.fitRows();
            scratch.fitTiles();
            int end = Math.min(features, (task + 1) * TASK_FEATURES);
            for (int at = task * TASK_FEATURES; at < end; at += TILE) {
              scratch.gather(at, scratch.plain.rows);
              for (int i = 0; i < TILE; i++) {
                scratch.squares[i] = at + i < features ? squares[order[at + i]] : 0;
              }
              screen.projectRows(
                  scratch.plain.rows, scratch.squares, scratch.plain.product, scratch.rows[0]);
              screened.setTile(at, scratch.rows[0]);
            }
          } finally {
            give(scratch);
          }
        });
    screenedIsCurrent = true;
  }

  private Scratch take() {
    synchronized (idle) {
      Scratch scratch = idle.poll();
      return scratch == null ? new Scratch() : scratch;
    }
  }

  private void give(Scratch scratch) {
    synchronized (idle) {
      idle.push(scratch);
    }
  }

  /** What one task works with: packed operands, and the candidates of its tokens. */
  private final class Scratch {
    private final TopKHeaps heaps = new TopKHeaps();
    private final float[][] rows = new float[TILES][0];
    private final float[][] bias = new float[TILES][TILE];
    private final float[][] ranks = new float[TILES][TILE];
    private final float[] tile = new float[TILE * kernels.panelWidth()];
    private final double[] squares = new double[Math.max(TILE, kernels.panelWidth())];
    private final int[] passing = new int[TILES * TILE];

    /** Where the vectors of the tokens that passed begin, {@code [TILES · TILE, capacity]}. */
    private int[] pairs = new int[0];

    private float[] dots = new float[0];
    private int capacity;
    private MemorySegment panels = MemorySegment.NULL;
    private MemorySegment panel = MemorySegment.NULL;
    private float[] thresholds = new float[0];
    private float[] floors = new float[0];
    private float[] norms = new float[0];

    /** What rounding may add to a bound that is no larger than its product. */
    private float[] room = new float[0];

    private int[] postponed = new int[0];
    private float[] postponedTokens = new float[0];
    private int waiting;
    private float guess;
    private Screen.Scratch plain;
    private int plainWidth;
    private int first;
    private int end;

    /** Finds the codes of the tokens from {@code first} to {@code end}. */
    void select(float[] tokens, int first, int end, int k, float guess) {
      this.first = first;
      this.end = end;
      this.guess = guess;
      fit();
      heaps.reset(end - first, k);
      pack(tokens);
      meetFeatures(tokens);
    }

    /** Whether no feature can have been missed because the guess was too high. */
    boolean isCertain(int token) {
      return floors[token] <= 0 || heaps.least(token) >= floors[token];
    }

    /** The least rank that was kept, over the token's norm. */
    float ratio(int token) {
      return norms[token] > 0 ? heaps.least(token) / norms[token] : 0;
    }

    /** Keeps a token for {@link #selectPostponed}. */
    void postpone(int token, float[] tokens) {
      int width = weights.width();
      if (postponed.length <= waiting) {
        postponed = Arrays.copyOf(postponed, Math.max(8, 2 * waiting));
      }
      if (postponedTokens.length < (waiting + 1) * width) {
        postponedTokens = Arrays.copyOf(postponedTokens, postponed.length * width);
      }
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
      panels = Panels.grown(panels, (long) coordinates() * padded);
      if (capacity < padded) {
        capacity = padded;
        thresholds = new float[padded];
        floors = new float[padded];
        norms = new float[padded];
        room = new float[padded];
        pairs = new int[passing.length * padded];
        dots = new float[pairs.length];
      }
      fitTiles();
      fitRows();
    }

    void fitTiles() {
      for (int i = 0; i < TILES; i++) {
        if (rows[i].length < coordinates() * TILE) {
          rows[i] = new float[coordinates() * TILE];
        }
      }
    }

    void fitRows() {
      if (plainWidth != weights.width()) {
        plainWidth = weights.width();
        plain = new Screen.Scratch(kernels, plainWidth);
        panel = Panels.grown(panel, (long) plainWidth * kernels.panelWidth());
      }
    }

    /** Copies the rows at eight places of the order together. */
    void gather(int place, float[] into) {
      int width = weights.width();
      int n = Math.min(TILE, weights.features() - place);
      for (int i = 0; i < n; i++) {
        MemorySegment.copy(
            weights.rows(),
            FLOAT,
            (long) order[place + i] * width * Float.BYTES,
            into,
            i * width,
            width);
      }
      Arrays.fill(into, n * width, TILE * width, 0);
    }

    /** Packs the task's tokens, within the screen if there is one, and sets the thresholds. */
    private void pack(float[] tokens) {
      int lanes = kernels.panelWidth();
      int width = weights.width();
      // Twice the rounding that two sums of this many products can have.
      double rounding = 4.0 * (width + 1) * 0x1p-24;
      for (int p = 0; first + p * lanes < end; p++) {
        int token = first + p * lanes;
        long at = (long) p * lanes * coordinates();
        for (int j = 0; j < lanes; j++) {
          int own = p * lanes + j;
          if (token + j >= end) {
            // Beyond the last token nothing passes.
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
          room[own] = (float) (rounding * norms[own] * longest);
          floors[own] = guess * norms[own];
          thresholds[own] = threshold(own, floors[own]);
        }
        if (screen == null) {
          kernels.packTokens(tokens, token, end, width, panels, at);
        } else {
          kernels.packTokens(tokens, token, end, width, panel, 0);
          screen.projectPanel(panel, squares, plain, panels, at);
        }
      }
    }

    /**
     * What a bound must exceed so that its feature may have at least this rank: what equals the
     * least that is kept may have the lower feature.
     */
    private float threshold(int token, float rank) {
      return Math.nextDown(rank - room[token]);
    }

    /** All features for all tokens of the task, a few tiles at a time. */
    void meetFeatures(float[] tokens) {
      int lanes = kernels.panelWidth();
      int width = coordinates();
      int panelLength = width * lanes;
      int features = weights.features();
      for (int place = 0; place < features; place += TILES * TILE) {
        int tiles = Math.min(TILES, Math.ceilDiv(features - place, TILE));
        for (int i = 0; i < tiles; i++) {
          load(place + i * TILE, i);
        }
        for (int p = 0; first + p * lanes < end; p++) {
          for (int i = 0; i < tiles; i++) {
            if (kernels.encodeTile(
                rows[i],
                bias[i],
                ranks[i],
                0,
                panels,
                (long) p * panelLength,
                width,
                thresholds,
                p * lanes,
                tile)) {
              notePassing(i, p * lanes);
            }
          }
        }
        offerPassing(tokens, place, tiles);
      }
    }

    private void load(int place, int into) {
      int n = Math.min(TILE, weights.features() - place);
      for (int i = 0; i < TILE; i++) {
        bias[into][i] = i < n ? weights.bias()[order[place + i]] : NOTHING;
        ranks[into][i] = i < n ? weights.ranks()[order[place + i]] : 1;
      }
      if (screen == null) {
        gather(place, rows[into]);
      } else {
        screened.tile(place, rows[into]);
      }
    }

    private void notePassing(int into, int lane) {
      int lanes = kernels.panelWidth();
      for (int i = 0; i < TILE; i++) {
        long passed = kernels.above(tile, i * lanes, ranks[into][i], thresholds, lane);
        int feature = into * TILE + i;
        int slot = feature * capacity + passing[feature];
        passing[feature] += Long.bitCount(passed);
        for (; passed != 0; passed &= passed - 1) {
          pairs[slot++] = first + lane + Long.numberOfTrailingZeros(passed);
        }
      }
    }

    /** Computes what passed, a feature at a time so that its row stays in the nearest cache. */
    private void offerPassing(float[] tokens, int place, int tiles) {
      int width = weights.width();
      for (int i = 0; i < tiles * TILE; i++) {
        if (passing[i] == 0) {
          continue;
        }
        int feature = order[place + i];
        float bias = weights.bias()[feature];
        float rank = weights.ranks()[feature];
        int from = i * capacity;
        int to = from + passing[i];
        passing[i] = 0;
        kernels.dotVectors(weights.rows(), width, feature, tokens, pairs, from, to, dots);
        for (int e = from; e < to; e++) {
          int token = pairs[e] - first;
          if (heaps.offer(token, feature, rank * (dots[e] + bias))) {
            thresholds[token] = threshold(token, Math.max(heaps.least(token), floors[token]));
          }
        }
      }
    }

    private float value(int feature, float[] tokens, int token) {
      pairs[0] = token;
      kernels.dotVectors(weights.rows(), weights.width(), feature, tokens, pairs, 0, 1, dots);
      return dots[0] + weights.bias()[feature];
    }

    /** Copies out what a token keeps, and says how much. */
    int drain(int own, int token, int k, float[] tokens, int[] features, float[] values) {
      int at = token * k;
      int count = heaps.drain(own, features, values, at);
      for (int i = at; i < at + count; i++) {
        if (weights.ranks()[features[i]] != 1) {
          values[i] = value(features[i], tokens, first + own);
        }
      }
      return count;
    }
  }
}

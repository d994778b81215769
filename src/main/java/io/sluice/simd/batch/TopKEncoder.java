package io.sluice.simd.batch;

import io.sluice.memory.ScratchArrays;
import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.simd.int8.Int8Product;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/**
 * Encodes tokens and selects the exact top k of each in one pass, without ever holding a {@code
 * tokens × features} matrix.
 *
 * <p>A tile computes an upper bound of eight features' pre-activations for a panel of tokens and
 * compares it with each token's running threshold while it is in registers. The few pairs that pass
 * are computed in full, always by the same row product, and offered to the token's heap. The bound
 * is the product plus its largest rounding error, or, if that is cheaper, the bound of a {@link
 * Screen} or one from rows and tokens rounded to int8. Features that fired most often are
 * multiplied first, so that thresholds rise early.
 *
 * <p>The result does not depend, bit for bit, on the bound, the order or the number of threads, so
 * all of these may be adapted to the data. Of equal scores that of the lower feature stays.
 *
 * <p>An instance keeps its scratch memory from call to call; it is used by one caller at a time.
 */
public final class TopKEncoder implements BatchEncoder {
  /** Panels of one task: their tokens stay in the second-level cache while all weights pass by. */
  private static final int TASK_BYTES = 640 << 10;

  /** Below these a screen is not worth finding. */
  private static final int SCREENED_FEATURES = 1024;

  private static final int SCREENED_WIDTH = 64;
  private static final int MOST_DIRECTIONS = 1024;
  private static final int MOST_TOKENS = 4096;

  /** The share of tokens, as one in this many, whose least score may be below the estimate. */
  private static final int FEW = 128;

  private static final float CAUTION = 0.97f;

  private final SparseKernels kernels;
  private final Workers workers;
  private final ScreenChoice.Allowed allowed;
  private final PreparedWeights table;
  private final Tasks tasks;

  private final Int8Choice choice;

  /** Whether scores are compared by their amounts. */
  private final boolean byAmount;

  /** By feature, how often it was selected; halved now and then. */
  private int[] fired = new int[0];

  /**
   * An estimate from below of the least score that a token keeps, divided by the token's norm: the
   * ratio varies little. A token for which this was too high is selected for once more without.
   */
  private float guess;

  private float[] ratios = new float[0];
  private long passes;

  /** Pairs of a token that passed in the last batch without a screen. */
  private double passedUnscreened;

  /** An encoder without weights that multiplies in float32 alone: {@link #prepare} comes first. */
  public TopKEncoder(Workers workers) {
    this(workers, () -> null);
  }

  /**
   * An encoder without weights: {@link #prepare} comes first.
   *
   * @param product gives what computes bounds in int8, or null for bounds in float32; asked once,
   *     when there are weights for which int8 may pay
   */
  public TopKEncoder(Workers workers, Supplier<? extends Int8Product> product) {
    this(SparseKernels.ofThisMachine(), workers, product, false);
  }

  /**
   * An encoder that keeps the features whose score is furthest from 0, of either sign.
   *
   * @param product as for the constructor
   */
  public static TopKEncoder byAmount(Workers workers, Supplier<? extends Int8Product> product) {
    return new TopKEncoder(SparseKernels.ofThisMachine(), workers, product, true);
  }

  TopKEncoder(
      SparseKernels kernels,
      Workers workers,
      Supplier<? extends Int8Product> product,
      boolean byAmount) {
    this.kernels = kernels;
    this.workers = workers;
    this.byAmount = byAmount;
    this.allowed = ScreenChoice.Allowed.ofProperty();
    this.choice = new Int8Choice(allowed);
    this.table = new PreparedWeights(kernels, workers, product);
    this.tasks = new Tasks(kernels, table, byAmount);
  }

  @Override
  public void prepare(EncoderWeights weights, boolean[] moved) {
    boolean other = table.set(weights, moved);
    if (other) {
      fired = new int[weights.features()];
      guess = 0;
      passes = 0;
    }
    table.measure(other ? null : moved);
  }

  /**
   * Finds the codes of {@code count} tokens: of each the {@code k} features of highest score whose
   * value is positive, or whose score is furthest from 0 if scores are compared {@linkplain
   * #byAmount by their amounts}; fewer where fewer are.
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
    EncoderWeights weights = table.weights();
    if (weights == null) {
      throw new IllegalStateException("no weights to encode with; prepare comes first");
    }
    table.useRounded(choice.next(weights));
    table.makeReady();
    AtomicLong passed = new AtomicLong();
    ratios = ScratchArrays.atLeast(ratios, count);
    PanelTasks cut =
        PanelTasks.of(count, kernels.panelWidth(), table.coordinates(), TASK_BYTES, workers);
    workers.run(
        cut.tasks(),
        number -> {
          TopKTask task = tasks.take();
          try {
            int first = cut.first(number);
            int end = cut.end(number);
            NonFiniteException.requireFinite(tokens, first, end, weights.width());
            task.select(tokens, first, end, k, guess);
            passed.addAndGet(task.passed());
            for (int token = first; token < end; token++) {
              ratios[token] = task.ratio(token - first);
              if (task.isCertain(token - first)) {
                counts[token] = task.drain(token - first, token, k, tokens, features, values);
              } else {
                task.postpone(token, tokens);
              }
            }
            task.selectPostponed(k, features, values, counts);
          } finally {
            tasks.give(task);
          }
        });
    passes++;
    // Until thresholds are known, all pairs pass, so the costs of the first batch are not typical.
    if (table.rounded() != null && passes > 1) {
      choice.judge(weights, count, passed.get() * ScreenChoice.pairCost(weights.width()));
    }
    guess = lowQuantile(count) * CAUTION;
    if (table.screen() == null) {
      passedUnscreened = (double) passed.get() / Math.max(1, count);
    }
    if (table.rounded() == null) {
      countFired(count, k, features, counts);
    }
    // 1, 4, 16, …: often while everything is new, seldom later. In int8 2, 8, 32, …: the first has
    // no guess, and does not show how many pairs pass.
    int first = table.rounded() == null ? 0 : 1;
    if (Long.bitCount(passes) == 1 && Long.numberOfTrailingZeros(passes) % 2 == first) {
      learn(tokens, count, k, features, values, counts);
    }
  }

  private void countFired(int count, int k, int[] features, int[] counts) {
    for (int token = 0; token < count; token++) {
      for (int i = token * k; i < token * k + counts[token]; i++) {
        fired[features[i]]++;
      }
    }
  }

  /**
   * A value that the least kept score, divided by the token's norm, exceeds for all but a few
   * tokens.
   */
  private float lowQuantile(int count) {
    if (count == 0) {
      return guess;
    }
    Arrays.sort(ratios, 0, count);
    return ratios[count / FEW];
  }

  /** The directions that are multiplied for every pair, or 0 if all coordinates are. */
  public int screenedDirections() {
    return table.screen() == null ? 0 : table.screen().coordinates() - 1;
  }

  @Override
  public Follower follower() {
    return table.follower();
  }

  @Override
  public String screen() {
    return table.bounds();
  }

  // ---- estimates from earlier batches ----

  private void learn(
      float[] tokens, int count, int k, int[] features, float[] values, int[] counts) {
    EncoderWeights weights = table.weights();
    if (table.rounded() == null) {
      // In int8 the order hardly matters, and rows are rounded as they come.
      table.sortByFired(fired);
    }
    int width = weights.width();
    int sampled = Math.min(count, MOST_TOKENS);
    if (weights.features() < SCREENED_FEATURES || width < SCREENED_WIDTH || sampled < width) {
      return;
    }
    // The bound of a screen holds for positive scores only.
    if (!allowed.directions() || byAmount) {
      table.setScreen(null);
      return;
    }
    float[] least = new float[count];
    for (int token = 0; token < count; token++) {
      if (counts[token] == k) {
        float lowest = Float.POSITIVE_INFINITY;
        for (int i = token * k; i < (token + 1) * k; i++) {
          lowest = Math.min(lowest, values[i] * weights.factors()[features[i]]);
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
            new ScreenChoice.Sample(
                weights,
                tokens,
                count,
                least,
                table.movedShare(passes),
                table.rounded() != null,
                passedUnscreened));
    if (kept == 0) {
      table.setScreen(null);
      return;
    }
    float[] axes =
        table.rounded() == null ? basis : LeadingDirections.mixed(kernels, basis, kept, width);
    table.setScreen(new Screen(kernels, axes, kept, width));
  }

  /** Tasks that wait for work: as many as threads worked at one time. */
  static final class Tasks {
    private final ArrayDeque<TopKTask> idle = new ArrayDeque<>();
    private final SparseKernels kernels;
    private final PreparedWeights table;
    private final boolean byAmount;

    Tasks(SparseKernels kernels, PreparedWeights table, boolean byAmount) {
      this.kernels = kernels;
      this.table = table;
      this.byAmount = byAmount;
    }

    TopKTask take() {
      synchronized (idle) {
        TopKTask task = idle.poll();
        return task == null ? new TopKTask(kernels, table, byAmount) : task;
      }
    }

    void give(TopKTask task) {
      synchronized (idle) {
        idle.push(task);
      }
    }
  }
}

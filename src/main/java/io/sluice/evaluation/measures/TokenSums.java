package io.sluice.evaluation.measures;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Sums over tokens for {@link TokenMeasures}, kept for each position. They do not depend on the
 * number of threads.
 */
public final class TokenSums {
  /** Positions beyond those of any context that is measured: a file may have any numbers. */
  private static final int MOST_POSITIONS = 1 << 20;

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int TASK_ROWS = 32;

  /** Below this norm SAELens divides by 1. */
  private static final double LEAST_NORM = 1e-4;

  /**
   * Numbers of a token: {@code ‖x − x̂‖²}, {@code ‖x‖²}, {@code ‖x̂‖²}, {@code ⟨x, x̂⟩}, spread.
   */
  private static final int NUMBERS = 5;

  private final Workers workers = Workers.allCores();
  private final double[] mean;
  private final Sums all = new Sums();
  private final List<Sums> positions = new ArrayList<>();
  private double[] numbers = new double[0];

  /**
   * Empty sums.
   *
   * @param mean of the activations of all tokens that will be added, {@code [width]}
   */
  public TokenSums(double[] mean) {
    this.mean = mean.clone();
  }

  /** The sums of one position, or of all: {@value #COUNT} numbers. */
  private static final class Sums {
    static final int COUNT = 13;

    long tokens;
    double error;
    double spread;
    double squaredOut;
    double product;
    double normIn;
    double normOut;
    double ratio;
    double cosine;
    double legacy;
    long legacyTokens;
    long codes;
    double l1;

    void write(double[] to, int at) {
      double[] all = {
        tokens,
        error,
        spread,
        squaredOut,
        product,
        normIn,
        normOut,
        ratio,
        cosine,
        legacy,
        legacyTokens,
        codes,
        l1
      };
      System.arraycopy(all, 0, to, at, COUNT);
    }

    void add(double[] from, int at) {
      tokens += (long) from[at];
      error += from[at + 1];
      spread += from[at + 2];
      squaredOut += from[at + 3];
      product += from[at + 4];
      normIn += from[at + 5];
      normOut += from[at + 6];
      ratio += from[at + 7];
      cosine += from[at + 8];
      legacy += from[at + 9];
      legacyTokens += (long) from[at + 10];
      codes += (long) from[at + 11];
      l1 += from[at + 12];
    }
  }

  /**
   * These sums as numbers that can be added: those of all tokens, then of each position.
   *
   * @return of a length that depends on the largest position
   */
  public double[] numbers() {
    double[] to = new double[(1 + positions.size()) * Sums.COUNT];
    all.write(to, 0);
    for (int position = 0; position < positions.size(); position++) {
      positions.get(position).write(to, (1 + position) * Sums.COUNT);
    }
    return to;
  }

  /**
   * Adds the sums over other tokens.
   *
   * @param numbers their {@link #numbers}
   */
  public void add(double[] numbers) {
    all.add(numbers, 0);
    for (int position = numbers.length / Sums.COUNT - 2; position >= 0; position--) {
      at(position).add(numbers, (1 + position) * Sums.COUNT);
    }
  }

  /**
   * Adds a batch.
   *
   * @param target the activations, {@code [n, width]}
   * @param made their reconstructions, float32 {@code [n, width]}, readable by all threads
   * @param codes of these tokens
   * @param places of these tokens
   */
  public void add(Rows target, MemorySegment made, Codes codes, RowPlaces places) {
    int rows = target.count();
    if (numbers.length < rows * NUMBERS) {
      numbers = new double[rows * NUMBERS];
    }
    workers.run(
        Math.ceilDiv(rows, TASK_ROWS),
        task -> {
          float[] x = new float[mean.length];
          float[] y = new float[mean.length];
          int end = Math.min(rows, (task + 1) * TASK_ROWS);
          for (int row = task * TASK_ROWS; row < end; row++) {
            read(target, row, x);
            long at = (long) row * y.length * Float.BYTES;
            MemorySegment.copy(made, FLOAT, at, y, 0, y.length);
            measure(x, y, row * NUMBERS);
          }
        });
    int entry = 0;
    for (int row = 0; row < rows; row++) {
      int end = codes.offset(row + 1);
      int count = end - entry;
      double l1 = 0;
      for (; entry < end; entry++) {
        l1 += Math.abs(codes.value(entry));
      }
      add(all, row * NUMBERS, count, l1);
      int position = places.position(row);
      if (position >= 0 && position < MOST_POSITIONS) {
        add(at(position), row * NUMBERS, count, l1);
      }
    }
  }

  private static void read(Rows rows, int row, float[] into) {
    if (rows.dtype() == DType.F32 && rows.scale() == 1) {
      MemorySegment.copy(rows.memory(), FLOAT, row * rows.rowBytes(), into, 0, into.length);
      return;
    }
    for (int i = 0; i < into.length; i++) {
      into[i] = rows.at(row, i);
    }
  }

  private void measure(float[] x, float[] y, int at) {
    double error = 0;
    double squaredIn = 0;
    double squaredOut = 0;
    double product = 0;
    double spread = 0;
    for (int i = 0; i < x.length; i++) {
      double in = x[i];
      double out = y[i];
      double off = in - mean[i];
      error += (in - out) * (in - out);
      squaredIn += in * in;
      squaredOut += out * out;
      product += in * out;
      spread += off * off;
    }
    numbers[at] = error;
    numbers[at + 1] = squaredIn;
    numbers[at + 2] = squaredOut;
    numbers[at + 3] = product;
    numbers[at + 4] = spread;
  }

  private void add(Sums sums, int at, int codes, double l1) {
    double error = numbers[at];
    double normIn = Math.sqrt(numbers[at + 1]);
    double normOut = Math.sqrt(numbers[at + 2]);
    double product = numbers[at + 3];
    double spread = numbers[at + 4];
    sums.tokens++;
    sums.codes += codes;
    sums.l1 += l1;
    sums.error += error;
    sums.spread += spread;
    sums.squaredOut += numbers[at + 2];
    sums.product += product;
    sums.normIn += normIn;
    sums.normOut += normOut;
    sums.ratio += normOut / (normIn < LEAST_NORM ? 1 : normIn);
    sums.cosine += normIn == 0 || normOut == 0 ? 0 : product / (normIn * normOut);
    if (spread > 0) {
      sums.legacy += 1 - error / spread;
      sums.legacyTokens++;
    }
  }

  private Sums at(int position) {
    while (positions.size() <= position) {
      positions.add(new Sums());
    }
    return positions.get(position);
  }

  /** The measures over all tokens. */
  public TokenMeasures measures() {
    double n = all.tokens;
    return new TokenMeasures(
        all.error / n,
        finite(all.legacy / all.legacyTokens),
        all.cosine / n,
        all.l1 / n,
        all.normIn / n,
        all.normOut / n,
        all.ratio / n,
        finite(all.squaredOut / all.product));
  }

  private static Double finite(double value) {
    return Double.isFinite(value) ? value : null;
  }

  /**
   * The measures over the tokens of each position below {@value #MOST_POSITIONS}; none of a store
   * without positions. The explained variance of a position is that about the mean of all tokens.
   */
  public PositionMeasures byPosition() {
    return new PositionMeasures(
        List.of(
            new PositionMeasures.Column("tokens", column(sums -> sums.tokens), true),
            mean("mse", sums -> sums.error),
            of("explained_variance", sums -> 1 - sums.error / sums.spread),
            of("explained_variance_legacy", sums -> sums.legacy / sums.legacyTokens),
            mean("cosine_similarity", sums -> sums.cosine),
            mean("l0", sums -> sums.codes),
            mean("l1", sums -> sums.l1),
            mean("l2_norm_in", sums -> sums.normIn),
            mean("l2_norm_out", sums -> sums.normOut),
            mean("l2_ratio", sums -> sums.ratio),
            of("relative_reconstruction_bias", sums -> sums.squaredOut / sums.product)));
  }

  private PositionMeasures.Column mean(String name, ToDoubleFunction<Sums> sum) {
    return of(name, sums -> sum.applyAsDouble(sums) / sums.tokens);
  }

  private PositionMeasures.Column of(String name, ToDoubleFunction<Sums> value) {
    return new PositionMeasures.Column(name, column(value), false);
  }

  private double[] column(ToDoubleFunction<Sums> value) {
    return positions.stream().mapToDouble(value).toArray();
  }
}

package io.sluice.geometry;

import java.util.SplittableRandom;

/**
 * Predicts from mean and covariance alone how many features of a new TopK dictionary would never be
 * among the {@code k} largest of a token in the first {@code N} tokens, if its rows stayed as they
 * were drawn.
 *
 * <p>The pre-activation of a feature with the unit row {@code w} is {@code ⟨w, x⟩} ({@code ⟨w, x −
 * μ⟩} if activations are centred). Over tokens with mean {@code μ} and covariance {@code Σ} it has
 * the mean {@code m = ⟨w, μ⟩} (0 if centred) and the variance {@code s² = wᵀΣw}. It is a sum of
 * many terms, and is taken to be normal. A feature fires if it exceeds a threshold {@code t}, the
 * same for all tokens: where {@code k} of the {@code h} features are expected above it, {@code E_w
 * Q((t − m)/s) = k/h} with {@code Q} the upper tail of the normal distribution; but at least 0, as
 * only positive values are kept. With {@code p = Q((t − m)/s)}, it does not fire in {@code N}
 * independent tokens with the probability {@code (1 − p)^N}, and the expected share of such
 * features is {@code E_w (1 − p)^N}. The common length of rows and the scale of activations change
 * nothing.
 *
 * <p>{@code E_w} is the mean over {@value #DRAWS} rows, drawn as {@code
 * io.sluice.dictionary.Initialiser} draws them: uniform on the sphere (random), or with weights
 * from U(−1, 1) on the directions of the active subspace (ASI, arXiv 2508.16929). The standard
 * error of a predicted share {@code q} is at most {@code √(q(1 − q) / }{@value #DRAWS}{@code )}:
 * 0.6 % at a half.
 *
 * <p>What the prediction leaves out: a token's own threshold follows its length, and without
 * centring the normal tokens that lie against the mean are the shortest, so that features which
 * point away from the mean fire on them after all (the prediction is too high); the lengths of real
 * tokens vary more than those of normal ones, which brings no feature to fire, as the selection
 * does not depend on them (it is too low); tokens of one text are not independent; and training
 * moves the rows. The pages {@code docs/dead-features.md} and {@code docs/experiments.md} compare
 * it with counts.
 *
 * <p>That features die at the start because the mean dominates the variation was found in arXiv
 * 2605.31518; {@link Covariance#outlierSeverity} is its measure.
 */
public final class DeadPrediction {
  /** Rows that are drawn of each start. */
  private static final int DRAWS = 8192;

  private static final int HALVINGS = 100;

  /** How rows are drawn. */
  public enum Start {
    /** Uniform on the sphere. */
    RANDOM,
    /** In the active subspace. */
    ASI
  }

  /** By start and drawn row: {@code ⟨w, μ⟩} and {@code √(wᵀΣw)}. */
  private final double[][] means = new double[Start.values().length][DRAWS];

  private final double[][] deviations = new double[Start.values().length][DRAWS];

  private DeadPrediction() {}

  /**
   * Draws the rows.
   *
   * @param tau share of the variance that the active subspace holds, in (0, 1]
   * @param seed of the draws; the same seed gives the same predictions
   * @throws IllegalArgumentException if {@code tau} is outside, or nothing varies
   */
  public static DeadPrediction of(Covariance covariance, double tau, long seed) {
    if (!(covariance.totalVariance() > 0)) {
      throw new IllegalArgumentException(
          "nothing can be predicted for activations without variance; capture another text");
    }
    int d = covariance.width();
    SymmetricEigen eigen = SymmetricEigen.of(covariance.matrixInPlace(), d);
    Spectrum spectrum = Spectrum.ofEigenvalues(eigen.values());
    double[] mean = coordinates(covariance.meanInPlace(), eigen.vectors());
    SplittableRandom random = new SplittableRandom(seed);
    DeadPrediction prediction = new DeadPrediction();
    prediction.draw(Start.RANDOM, random, mean, spectrum, d);
    prediction.draw(Start.ASI, random, mean, spectrum, spectrum.intrinsicDimension(tau));
    return prediction;
  }

  /** The mean along each eigenvector. */
  private static double[] coordinates(double[] mean, double[] vectors) {
    int d = mean.length;
    double[] along = new double[d];
    for (int i = 0; i < d; i++) {
      for (int j = 0; j < d; j++) {
        along[i] += vectors[i * d + j] * mean[j];
      }
    }
    return along;
  }

  private void draw(
      Start start, SplittableRandom random, double[] mean, Spectrum spectrum, int dimensions) {
    double[] variances = spectrum.eigenvalues();
    for (int row = 0; row < DRAWS; row++) {
      double square = 0;
      double along = 0;
      double variance = 0;
      for (int i = 0; i < dimensions; i++) {
        double weight = start == Start.ASI ? random.nextDouble(-1, 1) : random.nextGaussian();
        square += weight * weight;
        along += weight * mean[i];
        variance += weight * weight * variances[i];
      }
      means[start.ordinal()][row] = along / Math.sqrt(square);
      deviations[start.ordinal()][row] = Math.sqrt(variance / square);
    }
  }

  /**
   * The expected share of features, in [0, 1], that are among the {@code k} largest of none of the
   * first {@code tokens} tokens.
   *
   * @param centred whether the mean is subtracted
   * @param features number of features, h
   * @param k features that stay active on a token, from 1 to h
   * @param tokens number of tokens, N, at least 1
   * @throws IllegalArgumentException if a number is out of range
   */
  public double share(Start start, boolean centred, int features, int k, long tokens) {
    if (k < 1 || k > features) {
      throw new IllegalArgumentException(
          "k must be from 1 to the number of features " + features + ", not " + k);
    }
    if (tokens < 1) {
      throw new IllegalArgumentException("the number of tokens must be at least 1, not " + tokens);
    }
    double threshold = threshold(start, centred, (double) k / features);
    double sum = 0;
    for (int row = 0; row < DRAWS; row++) {
      sum += Math.exp(tokens * Math.log1p(-firing(start, centred, row, threshold)));
    }
    return sum / DRAWS;
  }

  /** The threshold that the wanted share of features is expected above. */
  private double threshold(Start start, boolean centred, double wanted) {
    double low = 0;
    double high = 0;
    for (int row = 0; row < DRAWS; row++) {
      // Q(40) is 0 in float64.
      high = Math.max(high, mean(start, centred, row) + 40 * deviations[start.ordinal()][row]);
    }
    for (int i = 0; i < HALVINGS; i++) {
      double middle = (low + high) / 2;
      double sum = 0;
      for (int row = 0; row < DRAWS; row++) {
        sum += firing(start, centred, row, middle);
      }
      if (sum / DRAWS > wanted) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private double firing(Start start, boolean centred, int row, double threshold) {
    double deviation = deviations[start.ordinal()][row];
    double distance = threshold - mean(start, centred, row);
    if (deviation == 0) {
      return distance < 0 ? 1 : 0;
    }
    return NormalTail.above(distance / deviation);
  }

  private double mean(Start start, boolean centred, int row) {
    return centred ? 0 : means[start.ordinal()][row];
  }
}

package io.sluice.geometry;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Predicts from means and covariances alone how many features of a new TopK dictionary would never
 * be among the {@code k} largest of a token in the first {@code N} tokens, if its rows stayed as
 * they were drawn.
 *
 * <p>The pre-activation of a feature with the unit row {@code w} is {@code ⟨w, x⟩} ({@code ⟨w, x −
 * μ⟩} if activations are centred). Over tokens with mean {@code μ} and covariance {@code Σ} it has
 * the mean {@code m = ⟨w, μ⟩} (0 if centred) and the variance {@code s² = wᵀΣw}. It is a sum of
 * many terms, and is taken to be normal. A feature fires if it exceeds a threshold, which is at
 * least 0, as only positive values are kept, and at which {@code k} of the {@code h} features are
 * expected above it. With {@code p} the chance to exceed it, it does not fire in {@code N}
 * independent tokens with the probability {@code (1 − p)^N}, and the expected share of such
 * features is {@code E_w (1 − p)^N}. The common length of rows and the scale of activations change
 * nothing.
 *
 * <p>Centred, one threshold {@code t} stands for all tokens: {@code p = Q((t − m)/s)} with {@code
 * Q} the upper tail of the normal distribution. Not centred it would be far off, for two reasons. A
 * token's own threshold follows its length, and of normal tokens those that lie against the mean
 * are the shortest: there, features fire that point away from the mean. And the selection does not
 * depend on a token's length, which varies much in real activations. So the moments are those of
 * tokens at length 1, and each token has its own threshold ({@link OwnThresholds}).
 *
 * <p>{@code E_w} is the mean over {@value #DRAWS} rows ({@value #OWN_DRAWS} if not centred), drawn
 * as {@code io.sluice.dictionary.Initialiser} draws them: uniform on the sphere (random), or with
 * weights from U(−1, 1) on the directions of the active subspace (ASI, arXiv 2508.16929). The
 * standard error of a predicted share {@code q} is at most {@code √(q(1 − q) / n)} of {@code n}
 * rows: 0.8 % at a half.
 *
 * <p>What the prediction leaves out: directions are not normal either; tokens of one text are not
 * independent; and training moves the rows. The pages {@code docs/dead-features.md} and {@code
 * docs/experiments.md} compare it with counts.
 *
 * <p>That features die at the start because the mean dominates the variation was found in arXiv
 * 2605.31518; {@link Covariance#outlierSeverity} is its measure.
 */
public final class DeadPrediction {
  /** Rows that are drawn of each start. */
  private static final int DRAWS = 8192;

  /** The same where each token has its own threshold. */
  private static final int OWN_DRAWS = 4096;

  private static final int HALVINGS = 100;

  /** How rows are drawn. */
  public enum Start {
    /** Uniform on the sphere. */
    RANDOM,
    /** In the active subspace. */
    ASI
  }

  /** By start and drawn row: {@code √(wᵀΣw)}. */
  private final double[][] deviations = new double[Start.values().length][DRAWS];

  /** By start, if not centred. */
  private final OwnThresholds[] own = new OwnThresholds[Start.values().length];

  private DeadPrediction() {}

  /**
   * Draws the rows.
   *
   * @param tau share of the variance that the active subspace holds, in (0, 1]
   * @param seed of the draws; the same seed gives the same predictions
   * @throws IllegalArgumentException if {@code tau} is outside, or nothing varies
   */
  public static DeadPrediction of(TokenMoments moments, double tau, long seed) {
    Covariance covariance = moments.tokens();
    if (!(covariance.totalVariance() > 0)) {
      throw new IllegalArgumentException(
          "nothing can be predicted for activations without variance; capture another text");
    }
    int d = covariance.width();
    SymmetricEigen eigen = SymmetricEigen.of(covariance.matrixInPlace(), d);
    Spectrum spectrum = Spectrum.ofEigenvalues(eigen.values());
    int active = spectrum.intrinsicDimension(tau);
    SplittableRandom random = new SplittableRandom(seed);
    DeadPrediction prediction = new DeadPrediction();
    for (Start start : Start.values()) {
      int dimensions = start == Start.ASI ? active : d;
      prediction.draw(start, random, spectrum, dimensions, moments.directions(), eigen.vectors());
    }
    return prediction;
  }

  private void draw(
      Start start,
      SplittableRandom random,
      Spectrum spectrum,
      int dimensions,
      Covariance directions,
      double[] vectors) {
    double[] variances = spectrum.eigenvalues();
    double[][] rows = new double[OWN_DRAWS][];
    for (int row = 0; row < DRAWS; row++) {
      double[] weights = new double[dimensions];
      double square = 0;
      double variance = 0;
      for (int i = 0; i < dimensions; i++) {
        double weight = start == Start.ASI ? random.nextDouble(-1, 1) : random.nextGaussian();
        weights[i] = weight;
        square += weight * weight;
        variance += weight * weight * variances[i];
      }
      deviations[start.ordinal()][row] = Math.sqrt(variance / square);
      if (row < OWN_DRAWS) {
        double length = Math.sqrt(square);
        rows[row] = Arrays.stream(weights).map(weight -> weight / length).toArray();
      }
    }
    own[start.ordinal()] =
        new OwnThresholds(
            along(directions.meanInPlace(), vectors, dimensions),
            between(directions, vectors, dimensions),
            rows);
  }

  /** A vector along some of the eigenvectors, which are rows. */
  private static double[] along(double[] x, double[] vectors, int count) {
    int d = x.length;
    double[] coordinates = new double[count];
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < d; j++) {
        coordinates[i] += vectors[i * d + j] * x[j];
      }
    }
    return coordinates;
  }

  /** The covariance along some of the eigenvectors, {@code [count, count]}. */
  private static double[] between(Covariance covariance, double[] vectors, int count) {
    int d = covariance.width();
    double[] matrix = covariance.matrixInPlace();
    double[] result = new double[count * count];
    IntStream.range(0, count)
        .parallel()
        .forEach(
            i -> {
              double[] product = new double[d];
              for (int j = 0; j < d; j++) {
                double weight = vectors[i * d + j];
                for (int l = 0; l < d; l++) {
                  product[l] += weight * matrix[j * d + l];
                }
              }
              System.arraycopy(along(product, vectors, count), 0, result, i * count, count);
            });
    return result;
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
    double wanted = (double) k / features;
    double sum = 0;
    double[] chances = centred ? firing(start, wanted) : own[start.ordinal()].firing(wanted);
    for (double chance : chances) {
      sum += Math.exp(tokens * Math.log1p(-chance));
    }
    return sum / chances.length;
  }

  /** The chance of each row to fire at the one threshold of centred tokens. */
  private double[] firing(Start start, double wanted) {
    double low = 0;
    double high = 0;
    for (double deviation : deviations[start.ordinal()]) {
      high = Math.max(high, 40 * deviation); // Q(40) is 0 in float64.
    }
    double[] chances = new double[DRAWS];
    for (int i = 0; i < HALVINGS; i++) {
      double middle = (low + high) / 2;
      double sum = 0;
      for (double deviation : deviations[start.ordinal()]) {
        sum += above(middle, deviation);
      }
      if (sum / DRAWS > wanted) {
        low = middle;
      } else {
        high = middle;
      }
    }
    for (int row = 0; row < DRAWS; row++) {
      chances[row] = above(low, deviations[start.ordinal()][row]);
    }
    return chances;
  }

  private static double above(double threshold, double deviation) {
    return deviation == 0 ? 0 : NormalTail.above(threshold / deviation);
  }
}

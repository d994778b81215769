package io.sluice.geometry;

import java.util.stream.IntStream;

/**
 * The chances of features to fire where each token has its own threshold: {@code c · √(xᵀPx)}, with
 * {@code P} the covariance of the features' rows, so that over features the pre-activations of a
 * token {@code x} have that standard deviation.
 *
 * <p>Tokens are normal with mean {@code μ} and covariance {@code Σ}. A pre-activation {@code ⟨w, x⟩
 * = m + b} has {@code b ~ N(0, s²)}, and given {@code b} the token is {@code μ + b·Σw/s² + u} with
 * {@code u ~ N(0, Σ − Σwwᵀ Σ/s²)}. So {@code xᵀPx} has, given {@code b}, a mean and a variance in
 * closed form; it is taken to be log-normal with these, and integrated over five nodes. At each the
 * threshold is the {@code b} with {@code m + b = c·√(xᵀPx)}, a fixed point, and the chance to
 * exceed it is the normal tail.
 *
 * <p>Rows have coordinates in {@code r} orthogonal directions in which they are drawn alike, so
 * that {@code P} is the projection on these, over {@code r}.
 */
final class OwnThresholds {
  /** Of Gauss–Hermite quadrature for the normal distribution. */
  private static final double[] NODES = {
    0, -1.3556261799742659, 1.3556261799742659, -2.8569700138728056, 2.8569700138728056
  };

  private static final double[] WEIGHTS = {
    0.5333333333333333,
    0.2220759220056126,
    0.2220759220056126,
    0.011257411327720689,
    0.011257411327720689
  };

  private static final int STEPS = 24;
  private static final int HALVINGS = 24;

  /** No share that a double holds is above so many standard deviations. */
  private static final double MOST_DEVIATIONS = 40;

  /** Beyond so many standard deviations the tail is 0 in float64. */
  private static final double FARTHEST = 40;

  private final double[] mean;
  private final double[] covariance;
  private final int r;
  private final double meanLength;
  private final double covarianceLength;
  private final double squares;
  private final double across;

  /** What the chances of a row depend on. */
  private record Row(
      double m, double variance, double along, double withMean, double twice, double twiceMean) {}

  private final Row[] rows;

  /**
   * Prepares rows.
   *
   * @param mean {@code μ} in the directions, {@code [r]}
   * @param covariance {@code Σ} in the directions, {@code [r, r]}
   * @param weights rows of length 1, each {@code [r]}
   */
  OwnThresholds(double[] mean, double[] covariance, double[][] weights) {
    this.mean = mean;
    this.covariance = covariance;
    this.r = mean.length;
    double trace = 0;
    double all = 0;
    for (int i = 0; i < r; i++) {
      trace += covariance[i * r + i];
    }
    for (double value : covariance) {
      all += value * value;
    }
    this.covarianceLength = trace / r;
    this.squares = all / ((double) r * r);
    this.meanLength = dot(mean, mean) / r;
    this.across = dot(mean, times(mean)) / ((double) r * r);
    this.rows =
        IntStream.range(0, weights.length)
            .parallel()
            .mapToObj(row -> row(weights[row]))
            .toArray(Row[]::new);
  }

  private Row row(double[] w) {
    double[] along = times(w);
    double[] twice = times(along);
    double size = (double) r * r;
    return new Row(
        dot(w, mean),
        dot(w, along),
        dot(along, along) / r,
        dot(along, mean) / r,
        dot(along, twice) / size,
        dot(mean, twice) / size);
  }

  private double[] times(double[] x) {
    double[] product = new double[r];
    for (int i = 0; i < r; i++) {
      double sum = 0;
      for (int j = 0; j < r; j++) {
        sum += covariance[i * r + j] * x[j];
      }
      product[i] = sum;
    }
    return product;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  /** The chance of each row to fire on a token, where the mean over rows is {@code wanted}. */
  double[] firing(double wanted) {
    double low = 0;
    double high = MOST_DEVIATIONS;
    for (int i = 0; i < HALVINGS; i++) {
      double middle = (low + high) / 2;
      double sum = 0;
      for (double chance : at(middle)) {
        sum += chance;
      }
      if (sum / rows.length > wanted) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return at(low);
  }

  private double[] at(double c) {
    return IntStream.range(0, rows.length)
        .parallel()
        .mapToDouble(i -> chance(rows[i], c))
        .toArray();
  }

  private double chance(Row row, double c) {
    if (!(row.variance > 0)) {
      double length = Math.sqrt(Math.max(0, meanLength + covarianceLength));
      return row.m > c * length ? 1 : 0;
    }
    double deviation = Math.sqrt(row.variance);
    double sum = 0;
    for (int node = 0; node < NODES.length; node++) {
      double b = c * Math.sqrt(meanLength + covarianceLength) - row.m;
      for (int step = 0; step < STEPS && b < FARTHEST * deviation; step++) {
        double next = c * Math.sqrt(square(row, b, NODES[node])) - row.m;
        boolean there = Math.abs(next - b) < 1e-7 * deviation;
        b = next;
        if (there) {
          break;
        }
      }
      sum += WEIGHTS[node] * NormalTail.above(b / deviation);
    }
    return sum;
  }

  /** A quantile of {@code xᵀPx} of tokens with this {@code b}. */
  private double square(Row row, double b, double node) {
    double v = row.variance;
    double t = b / v;
    double expected =
        covarianceLength - row.along / v + meanLength + t * (2 * row.withMean + t * row.along);
    double slope = row.withMean + t * row.along;
    double variance =
        2 * (squares - 2 * row.twice / v + row.along * row.along / (v * v))
            + 4 * (across + t * (2 * row.twiceMean + t * row.twice) - slope * slope / v);
    if (!(expected > 0)) {
      return 0;
    }
    double logVariance = Math.log1p(Math.max(0, variance) / (expected * expected));
    return expected * Math.exp(node * Math.sqrt(logVariance) - logVariance / 2);
  }
}

package io.sluice.geometry;

import java.util.Arrays;
import java.util.Objects;

/**
 * Mean and covariance of {@code count} rows of width {@code d}, in float64: {@code C = X̃ᵀX̃ / n}
 * with {@code X̃ = X − mean(X)}. Immutable.
 */
public final class Covariance {
  private final long count;
  private final double[] mean;
  private final double[] matrix;

  private Covariance(long count, double[] mean, double[] matrix) {
    this.count = count;
    this.mean = mean;
    this.matrix = matrix;
  }

  /**
   * The covariance with these parts, which are copied.
   *
   * @param count number of rows, at least 0
   * @param mean {@code [d]}
   * @param matrix {@code [d, d]}, row-major and symmetric
   * @throws IllegalArgumentException if the sizes disagree or a value is not finite
   */
  public static Covariance of(long count, double[] mean, double[] matrix) {
    return owning(count, mean.clone(), matrix.clone());
  }

  /** Like {@link #of}, but takes ownership of the arrays. */
  static Covariance owning(long count, double[] mean, double[] matrix) {
    if (count < 0) {
      throw new IllegalArgumentException("count must not be negative, as " + count + " is");
    }
    if (mean.length == 0 || matrix.length != (long) mean.length * mean.length) {
      throw new IllegalArgumentException(
          "a mean of "
              + mean.length
              + " values needs a matrix of "
              + (long) mean.length * mean.length
              + ", not "
              + matrix.length);
    }
    requireFinite(mean);
    requireFinite(matrix);
    return new Covariance(count, mean, matrix);
  }

  private static void requireFinite(double[] values) {
    for (double value : values) {
      if (!Double.isFinite(value)) {
        throw new IllegalArgumentException(
            "mean or covariance holds "
                + value
                + "; the activations are too large for float32 products");
      }
    }
  }

  /** Values per row, {@code d}. */
  public int width() {
    return mean.length;
  }

  /** The number of rows, {@code n}. */
  public long count() {
    return count;
  }

  /** A copy of the mean, {@code [d]}. */
  public double[] mean() {
    return mean.clone();
  }

  /** A copy of the matrix, {@code [d, d]} row-major. */
  public double[] matrix() {
    return matrix.clone();
  }

  /** The covariance of columns {@code i} and {@code j}. */
  public double at(int i, int j) {
    Objects.checkIndex(i, width());
    Objects.checkIndex(j, width());
    return matrix[i * width() + j];
  }

  /** The trace: the mean squared distance from the mean. */
  public double totalVariance() {
    double sum = 0;
    for (int i = 0; i < width(); i++) {
      sum += matrix[i * width() + i];
    }
    return sum;
  }

  /**
   * How much the mean dominates the variation: {@code γ = ‖μ‖ / ‖σ‖} (arXiv 2605.31518), with
   * {@code σ} the vector of the standard deviations of each dimension, so {@code ‖σ‖} is the square
   * root of {@link #totalVariance}. Infinite if nothing varies, and NaN if the mean is 0 besides.
   */
  public double outlierSeverity() {
    double squares = 0;
    for (double value : mean) {
      squares += value * value;
    }
    return Math.sqrt(squares / totalVariance());
  }

  /**
   * The covariance of the rows of both, by the formula of Chan, Golub and LeVeque (1983).
   *
   * @throws IllegalArgumentException if the widths differ
   */
  public Covariance merge(Covariance other) {
    if (other.width() != width()) {
      throw new IllegalArgumentException(
          "cannot merge a covariance of width " + other.width() + " into one of " + width());
    }
    if (count == 0 || other.count == 0) {
      return count == 0 ? other : this;
    }
    int d = width();
    long total = Math.addExact(count, other.count);
    double here = (double) count / total;
    double there = (double) other.count / total;
    double[] step = new double[d];
    double[] joined = new double[d];
    for (int i = 0; i < d; i++) {
      step[i] = other.mean[i] - mean[i];
      joined[i] = mean[i] + there * step[i];
    }
    double[] sum = new double[d * d];
    for (int i = 0; i < d; i++) {
      for (int j = 0; j < d; j++) {
        int at = i * d + j;
        sum[at] = here * matrix[at] + there * other.matrix[at] + here * there * step[i] * step[j];
      }
    }
    return owning(total, joined, sum);
  }

  /**
   * The covariance of a range of columns.
   *
   * @param from the first column
   * @param to the end, exclusive
   * @throws IndexOutOfBoundsException if there are no such columns
   */
  public Covariance columns(int from, int to) {
    Objects.checkFromToIndex(from, to, width());
    int d = to - from;
    double[] part = new double[d * d];
    for (int i = 0; i < d; i++) {
      System.arraycopy(matrix, (from + i) * width() + from, part, i * d, d);
    }
    return owning(count, Arrays.copyOfRange(mean, from, to), part);
  }

  double[] matrixInPlace() {
    return matrix;
  }

  double[] meanInPlace() {
    return mean;
  }
}

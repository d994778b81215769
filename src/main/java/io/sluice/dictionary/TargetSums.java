package io.sluice.dictionary;

import io.sluice.memory.Rows;

/** Sums and squares of target vectors, for the variance of all of them. */
public final class TargetSums {
  private final double[] sums;
  private double squares;

  /** Empty sums over vectors of a width. */
  public TargetSums(int width) {
    this.sums = new double[width];
  }

  /** Adds each row. */
  void add(Rows targets) {
    for (int row = 0; row < targets.count(); row++) {
      for (int i = 0; i < sums.length; i++) {
        double value = targets.at(row, i);
        sums[i] += value;
        squares += value * value;
      }
    }
  }

  /**
   * Adds vectors that are already summed.
   *
   * @param part their sum
   * @param partSquares the sum of all their squares
   */
  public void add(double[] part, double partSquares) {
    for (int i = 0; i < sums.length; i++) {
      sums[i] += part[i];
    }
    squares += partSquares;
  }

  /** The sum of the vectors; not a copy. */
  double[] sums() {
    return sums;
  }

  /** The sum of all their squares. */
  double squares() {
    return squares;
  }

  /**
   * Summed squared distance of the vectors from their own mean.
   *
   * @param count the number of vectors
   */
  public double variance(long count) {
    double meanEnergy = 0;
    for (double sum : sums) {
      meanEnergy += sum * sum / count;
    }
    return squares - meanEnergy;
  }

  /**
   * Whether the vectors differ; if all are equal, the computed variance is only rounding error.
   *
   * @param count the number of vectors
   */
  public boolean vary(long count) {
    return count > 1 && variance(count) > 1e-12 * squares;
  }
}

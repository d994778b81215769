package io.sluice.dictionary;

import io.sluice.engine.Engine;
import io.sluice.engine.Rows;

/**
 * Sums over batches from which the fraction of variance unexplained follows: the squared error of
 * the reconstructions, and of the targets their sum and their squares. The same tokens in the same
 * batches give the same numbers wherever they are taken.
 */
public final class ReconstructionSums {
  /** Tokens at once where nothing else is asked for. */
  public static final int USUAL_BATCH = 1024;

  private final double[] sums;
  private double squares;
  private double error;
  private long codes;
  private long tokens;

  /** Empty sums over targets of a width. */
  public ReconstructionSums(int width) {
    this.sums = new double[width];
  }

  /**
   * Adds a batch that {@code engine} has encoded.
   *
   * @return its squared error
   */
  public double add(Engine engine, Rows target) {
    double here = engine.decode(target, false);
    error += here;
    codes += engine.codes().entries();
    for (int row = 0; row < target.count(); row++) {
      for (int i = 0; i < sums.length; i++) {
        double value = target.at(row, i);
        sums[i] += value;
        squares += value * value;
      }
    }
    tokens += target.count();
    return here;
  }

  /** Tokens so far. */
  public long tokens() {
    return tokens;
  }

  /** Summed squared error. */
  public double error() {
    return error;
  }

  /** Mean number of features that fire on a token. */
  public double l0() {
    return (double) codes / tokens;
  }

  /** Summed squared distance of the targets from their own mean. */
  public double variance() {
    double meanEnergy = 0;
    for (double sum : sums) {
      meanEnergy += sum * sum / tokens;
    }
    return squares - meanEnergy;
  }

  /**
   * Whether the targets vary: where all of them are one vector, what is left of their squares is
   * rounding.
   */
  public boolean varies() {
    return tokens > 1 && variance() > 1e-12 * squares;
  }

  /** Fraction of variance unexplained: squared error over variance. */
  public double fvu() {
    return error / variance();
  }
}

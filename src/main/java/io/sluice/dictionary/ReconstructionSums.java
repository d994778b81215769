package io.sluice.dictionary;

import io.sluice.engine.Engine;
import io.sluice.memory.Rows;

/**
 * Sums over batches for the fraction of variance unexplained: the squared error of the
 * reconstructions, and the sum and squares of the targets. The same tokens in the same batches give
 * the same numbers everywhere.
 */
public final class ReconstructionSums {
  /** The default number of tokens per batch. */
  public static final int USUAL_BATCH = 1024;

  private final TargetSums targets;
  private double error;
  private long codes;
  private long tokens;

  /** Empty sums over targets of a width. */
  public ReconstructionSums(int width) {
    this.targets = new TargetSums(width);
  }

  /**
   * Adds a batch that {@code engine} has just encoded.
   *
   * @return its squared error
   */
  public double add(Engine engine, Rows target) {
    double here = engine.decode(target, false);
    error += here;
    codes += engine.codes().entries();
    targets.add(target);
    tokens += target.count();
    return here;
  }

  /** The number of tokens so far. */
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
    return targets.variance(tokens);
  }

  /** Whether the targets vary. */
  public boolean varies() {
    return targets.vary(tokens);
  }

  /** Fraction of variance unexplained: squared error over variance. */
  public double fvu() {
    return error / variance();
  }
}

package io.sluice.dictionary;

import io.sluice.engine.Engine;
import io.sluice.memory.Rows;
import java.util.Arrays;

/**
 * Sums over batches for the fraction of variance unexplained: the squared error of the
 * reconstructions, and the sum and squares of the targets. The same tokens in the same batches give
 * the same numbers everywhere, if the sums of {@value #BLOCK} batches at a time are added up with
 * {@link #add(double[])}, in their order.
 */
public final class ReconstructionSums {
  /** The default number of tokens per batch. */
  public static final int USUAL_BATCH = 1024;

  /** How many consecutive batches are summed for themselves. */
  public static final int BLOCK = 64;

  private static final int ERROR = 0;
  private static final int CODES = 1;
  private static final int TOKENS = 2;
  private static final int SQUARES = 3;
  private static final int TARGETS = 4;

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

  /**
   * These sums as numbers that can be added.
   *
   * @return {@code [width + 4]}, as many for any tokens
   */
  public double[] numbers() {
    double[] sums = targets.sums();
    double[] numbers = new double[TARGETS + sums.length];
    numbers[ERROR] = error;
    numbers[CODES] = codes;
    numbers[TOKENS] = tokens;
    numbers[SQUARES] = targets.squares();
    System.arraycopy(sums, 0, numbers, TARGETS, sums.length);
    return numbers;
  }

  /**
   * Adds the sums over other tokens.
   *
   * @param numbers their {@link #numbers}
   */
  public void add(double[] numbers) {
    error += numbers[ERROR];
    codes += (long) numbers[CODES];
    tokens += (long) numbers[TOKENS];
    targets.add(Arrays.copyOfRange(numbers, TARGETS, numbers.length), numbers[SQUARES]);
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

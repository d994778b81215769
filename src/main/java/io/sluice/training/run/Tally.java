package io.sluice.training.run;

/**
 * Sums over the steps since the last line of metrics; part of a checkpoint.
 *
 * @param squaredError squared error of the targets, as training scales them
 * @param codes features that fired, over all tokens
 * @param tokens how many tokens there were
 */
public record Tally(double squaredError, long codes, long tokens) {
  /** Nothing yet. */
  public static final Tally NONE = new Tally(0, 0, 0);

  Tally plus(double error, long moreCodes, long moreTokens) {
    return new Tally(squaredError + error, codes + moreCodes, tokens + moreTokens);
  }
}

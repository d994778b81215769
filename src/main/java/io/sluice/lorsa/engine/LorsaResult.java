package io.sluice.lorsa.engine;

/**
 * Sums over the tokens of a batch that are trained on and measured.
 *
 * @param squaredError {@code Σ ‖output − target‖²}
 * @param codes number of heads that fired, summed over tokens
 * @param tokens number of tokens
 */
public record LorsaResult(double squaredError, long codes, long tokens) {
  /** Nothing yet. */
  public static final LorsaResult NONE = new LorsaResult(0, 0, 0);

  /** Both together. */
  public LorsaResult plus(LorsaResult other) {
    return new LorsaResult(
        squaredError + other.squaredError, codes + other.codes, tokens + other.tokens);
  }
}

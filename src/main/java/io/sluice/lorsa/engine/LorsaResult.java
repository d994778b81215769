package io.sluice.lorsa.engine;

/**
 * Sums over the tokens of a batch that count.
 *
 * @param squaredError {@code Σ ‖output − target‖²}
 * @param codes how many heads fired, over all tokens
 * @param tokens how many tokens there were
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

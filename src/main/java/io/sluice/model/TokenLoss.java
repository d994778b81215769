package io.sluice.model;

/**
 * The loss of predicting tokens: minus the logarithm of the probability that the model gave each,
 * summed.
 *
 * @param sum in nats
 * @param tokens how many tokens were predicted
 */
public record TokenLoss(double sum, long tokens) {
  /** The loss of no tokens. */
  public static final TokenLoss NONE = new TokenLoss(0, 0);

  /** Both together. */
  public TokenLoss plus(TokenLoss other) {
    return new TokenLoss(sum + other.sum, tokens + other.tokens);
  }

  /** Nats per token; NaN for no tokens. */
  public double mean() {
    return sum / tokens;
  }

  /** {@code exp(mean)}. */
  public double perplexity() {
    return Math.exp(mean());
  }
}

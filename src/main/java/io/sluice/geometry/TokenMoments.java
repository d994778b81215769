package io.sluice.geometry;

/**
 * Moments of the tokens of a hook point.
 *
 * @param tokens mean and covariance of the activations
 * @param directions mean and covariance of the activations at length 1, on which a selection
 *     without biases depends alone; null where they were not asked for
 */
public record TokenMoments(Covariance tokens, Covariance directions) {
  /**
   * The moments of the tokens of both.
   *
   * @throws IllegalArgumentException if the widths differ, or one of them alone has directions
   */
  public TokenMoments merge(TokenMoments other) {
    if ((directions == null) != (other.directions == null)) {
      throw new IllegalArgumentException("only one of the two has moments of directions");
    }
    return new TokenMoments(
        tokens.merge(other.tokens), directions == null ? null : directions.merge(other.directions));
  }
}

package io.sluice.audit;

/**
 * What a trial gave on all tokens, and the dimension of the place that it reads.
 *
 * @param trial how the dictionary was attached
 * @param tokens how many tokens were measured
 * @param fvu fraction of variance unexplained, in the units of the activations
 * @param l0 mean number of features that fire on a token
 * @param deadFraction share of the features that fired on none of the tokens
 * @param width of the activations, {@code d}
 * @param effectiveRank of the activations ({@link io.sluice.geometry.Spectrum#effectiveRank})
 * @param intrinsicDimension directions that hold the share {@link Audit#TAU} of the variance
 */
public record Measured(
    Trial trial,
    long tokens,
    double fvu,
    double l0,
    double deadFraction,
    int width,
    double effectiveRank,
    int intrinsicDimension) {
  /** The effective rank over the width. */
  public double effectiveRankRatio() {
    return effectiveRank / width;
  }

  /** The intrinsic dimension over the width. */
  public double intrinsicDimensionRatio() {
    return (double) intrinsicDimension / width;
  }
}

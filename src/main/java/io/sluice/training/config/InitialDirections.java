package io.sluice.training.config;

/** Where the features of a new dictionary point. */
public sealed interface InitialDirections {

  /** Directions drawn uniformly from the whole space. */
  record Random() implements InitialDirections {}

  /**
   * Directions drawn inside the subspace in which the activations live (active-subspace
   * initialisation, arXiv 2508.16929).
   *
   * @param dimensions d_init, how many of the top directions of the covariance; 0 takes the
   *     intrinsic dimension at {@code tau}
   * @param tau share of the variance that the intrinsic dimension holds, in (0, 1]; used only where
   *     {@code dimensions} is 0
   */
  record ActiveSubspace(int dimensions, double tau) implements InitialDirections {
    public ActiveSubspace {
      if (dimensions < 0) {
        throw new IllegalArgumentException("d_init must not be negative: " + dimensions);
      }
      if (!(tau > 0 && tau <= 1)) {
        throw new IllegalArgumentException("tau must lie in (0, 1], not " + tau);
      }
    }
  }
}

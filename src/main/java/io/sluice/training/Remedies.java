package io.sluice.training;

/**
 * What is done against dead features besides start, centring and optimiser. Each works alone and
 * with the others.
 *
 * @param whiten whether training sees the input by its principal components, each scaled to unit
 *     variance (arXiv 2511.13981)
 * @param whitenFloor variances below this share of the largest count as that share
 * @param constrain whether parameters, products and optimiser live in the top directions of the
 *     input alone; the rest passes as its mean
 * @param dimensions how many directions that are; 0 takes the intrinsic dimension at {@code tau}
 * @param tau share of the variance that the intrinsic dimension holds, in (0, 1]
 */
public record Remedies(
    boolean whiten, double whitenFloor, boolean constrain, int dimensions, double tau) {
  /** None of them. */
  public static final Remedies NONE = new Remedies(false, 0, false, 0, 1);

  /** The floor of whitening where none is named: little more than what float32 can tell. */
  public static final double WHITEN_FLOOR = 1e-6;

  public Remedies {
    if (!(whitenFloor >= 0 && whitenFloor <= 1) || whiten && whitenFloor == 0) {
      throw new IllegalArgumentException(
          "the whitening floor must lie in (0, 1], not " + whitenFloor);
    }
    if (dimensions < 0) {
      throw new IllegalArgumentException(
          "training cannot be constrained to " + dimensions + " directions");
    }
    if (!(tau > 0 && tau <= 1)) {
      throw new IllegalArgumentException("tau must lie in (0, 1], not " + tau);
    }
  }

  /** These, and whitening with a floor. */
  public Remedies whitened(double floor) {
    return new Remedies(true, floor, constrain, dimensions, tau);
  }

  /** These, and constrained training. */
  public Remedies constrainedTo(int directions, double share) {
    return new Remedies(whiten, whitenFloor, true, directions, share);
  }

  /** Whether the engine sees something else than the scaled activations. */
  boolean mapInput() {
    return whiten || constrain;
  }
}

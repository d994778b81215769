package io.sluice.simd;

/** A NaN or an infinity, or what becomes one when squared, among the weights of an encoder. */
public final class NonFiniteWeightsException extends ArithmeticException {
  private static final long serialVersionUID = 1L;

  private final int feature;

  /**
   * Names the place.
   *
   * @param feature the feature whose weights or bias are not finite
   */
  public NonFiniteWeightsException(int feature) {
    super("feature " + feature + " has encoder weights or a bias that are not finite");
    this.feature = feature;
  }

  /** The feature whose weights or bias are not finite. */
  public int feature() {
    return feature;
  }
}

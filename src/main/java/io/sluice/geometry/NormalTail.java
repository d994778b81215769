package io.sluice.geometry;

/** The upper tail of the standard normal distribution. */
final class NormalTail {
  /** From here on the continued fraction is exact to the last digits; below, the series is. */
  private static final double SERIES_ENDS = 3;

  private static final int FRACTIONS = 120;
  private static final double ROOT_OF_TWO_PI = Math.sqrt(2 * Math.PI);

  private NormalTail() {}

  /**
   * The probability that a standard normal variable exceeds {@code x}. Its relative error is below
   * 1e-12 for {@code x ≥ 0}.
   */
  static double above(double x) {
    if (Double.isNaN(x)) {
      return x;
    }
    if (x < 0) {
      return 1 - above(-x);
    }
    double density = Math.exp(-x * x / 2) / ROOT_OF_TWO_PI;
    return x < SERIES_ENDS ? 0.5 - density * series(x) : density / fraction(x);
  }

  /** {@code x + x³/3 + x⁵/(3·5) + …} (Marsaglia, Evaluating the Normal Distribution, 2004). */
  private static double series(double x) {
    double term = x;
    double sum = x;
    for (int i = 3; term > 1e-17 * sum; i += 2) {
      term *= x * x / i;
      sum += term;
    }
    return sum;
  }

  /** Laplace's continued fraction {@code x + 1/(x + 2/(x + 3/(x + …)))}. */
  private static double fraction(double x) {
    double value = x;
    for (int i = FRACTIONS; i > 0; i--) {
      value = x + i / value;
    }
    return value;
  }
}

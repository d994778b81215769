package io.sluice.training.sweep;

/**
 * A mean over repeats and its standard error.
 *
 * @param mean of the repeats
 * @param standardError standard deviation of the repeats (over n − 1) by the root of n; NaN for a
 *     single one
 * @param repeats n
 */
public record Estimate(double mean, double standardError, int repeats) {
  /** The estimate from some repeats, at least one. */
  public static Estimate of(double... values) {
    if (values.length == 0) {
      throw new IllegalArgumentException("an estimate needs at least one value");
    }
    double mean = 0;
    for (double value : values) {
      mean += value / values.length;
    }
    double squares = 0;
    for (double value : values) {
      squares += (value - mean) * (value - mean);
    }
    int n = values.length;
    return new Estimate(mean, n == 1 ? Double.NaN : Math.sqrt(squares / (n - 1) / n), n);
  }
}

package io.sluice.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.TreeSet;

/**
 * A spectrum for the page: shares of the variance at selected indices.
 *
 * @param index 1-based numbers of the directions, ascending, the first and the last among them
 * @param share variance along each of those directions over the total variance
 * @param cumulative variance along all directions up to each of those over the total variance
 */
record Curve(int[] index, double[] share, double[] cumulative) {
  /** The largest number of points; wider spectra are thinned, with more points near the start. */
  static final int MOST = 512;

  private static final MathContext SIX_DIGITS = new MathContext(6);

  /**
   * The curve of variances in descending order.
   *
   * @param total the variance of all directions; values that rounding made negative count as 0
   * @param mark an index that must stay on the curve, or 0
   */
  static Curve of(double[] variances, double total, int mark) {
    int n = variances.length;
    double[] sums = new double[n];
    double sum = 0;
    for (int i = 0; i < n; i++) {
      sum += Math.max(0, variances[i]);
      sums[i] = sum;
    }
    double whole = total > 0 ? total : sum;
    int[] index = chosen(n, mark);
    double[] share = new double[index.length];
    double[] cumulative = new double[index.length];
    for (int i = 0; i < index.length; i++) {
      share[i] = whole > 0 ? round(Math.max(0, variances[index[i] - 1]) / whole) : 0;
      cumulative[i] = whole > 0 ? round(Math.min(1, sums[index[i] - 1] / whole)) : 0;
    }
    return new Curve(index, share, cumulative);
  }

  /** A number rounded to the six digits that a page needs. */
  static double round(double value) {
    return Double.isFinite(value) ? new BigDecimal(value).round(SIX_DIGITS).doubleValue() : value;
  }

  private static int[] chosen(int n, int mark) {
    TreeSet<Integer> indices = new TreeSet<>();
    int points = Math.min(n, MOST / 2);
    for (int i = 0; i < points; i++) {
      double at = points == 1 ? 0 : (double) i / (points - 1);
      indices.add(1 + (int) Math.round(at * (n - 1)));
      indices.add((int) Math.round(Math.pow(n, at)));
    }
    if (n <= MOST) {
      for (int i = 1; i <= n; i++) {
        indices.add(i);
      }
    }
    if (mark >= 1 && mark <= n) {
      indices.add(mark);
    }
    return indices.stream().mapToInt(Integer::intValue).toArray();
  }
}

package io.sluice.engine.arithmetic;

import java.util.List;

/**
 * The length of a decoder row that writes several sites: the sum of the norms of its parts, as in
 * the penalty of a crosscoder, so that a feature is charged for every site that it writes.
 */
public final class SiteNorms {
  private SiteNorms() {}

  /** {@code Σ_s ‖row_s‖} of the row that begins at {@code at}. */
  public static double of(float[] row, int at, List<Integer> sites) {
    double sum = 0;
    int from = at;
    for (int width : sites) {
      sum += norm(row, from, width);
      from += width;
    }
    return sum;
  }

  /** Adds {@code weight · row_s / ‖row_s‖} to each part of a gradient; parts of zeros stay. */
  public static void addUnitParts(
      float[] row, int at, List<Integer> sites, double weight, double[] gradient, int to) {
    int offset = 0;
    for (int width : sites) {
      double norm = norm(row, at + offset, width);
      for (int i = offset; norm > 0 && i < offset + width; i++) {
        gradient[to + i] += weight * row[at + i] / norm;
      }
      offset += width;
    }
  }

  /** As the other, on float32. */
  public static void addUnitParts(
      float[] row, int at, List<Integer> sites, double weight, float[] gradient) {
    int offset = 0;
    for (int width : sites) {
      double norm = norm(row, at + offset, width);
      for (int i = offset; norm > 0 && i < offset + width; i++) {
        gradient[i] += (float) (weight * row[at + i] / norm);
      }
      offset += width;
    }
  }

  private static double norm(float[] row, int from, int width) {
    double sum = 0;
    for (int i = from; i < from + width; i++) {
      sum += (double) row[i] * row[i];
    }
    return Math.sqrt(sum);
  }
}

package io.sluice.spark;

import io.sluice.geometry.Covariance;
import java.io.Serializable;

/**
 * A covariance on its way between processes: of the symmetric matrix the upper triangle, row by
 * row.
 *
 * @param count number of rows
 * @param mean {@code [d]}
 * @param upper {@code [d · (d + 1) / 2]}
 */
record PackedCovariance(long count, double[] mean, double[] upper) implements Serializable {
  static PackedCovariance of(Covariance covariance) {
    int d = covariance.width();
    double[] matrix = covariance.matrix();
    double[] upper = new double[Math.toIntExact((long) d * (d + 1) / 2)];
    int at = 0;
    for (int i = 0; i < d; i++) {
      System.arraycopy(matrix, i * d + i, upper, at, d - i);
      at += d - i;
    }
    return new PackedCovariance(covariance.count(), covariance.mean(), upper);
  }

  Covariance unpacked() {
    int d = mean.length;
    double[] matrix = new double[d * d];
    int at = 0;
    for (int i = 0; i < d; i++) {
      for (int j = i; j < d; j++) {
        matrix[i * d + j] = upper[at];
        matrix[j * d + i] = upper[at];
        at++;
      }
    }
    return Covariance.of(count, mean, matrix);
  }
}

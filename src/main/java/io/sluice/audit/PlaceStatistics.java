package io.sluice.audit;

import io.sluice.memory.Rows;

/**
 * What normalisations need to know of the activations of a hook point.
 *
 * @param mean over tokens, {@code [width]}
 * @param meanNorm the mean length of a token
 */
record PlaceStatistics(double[] mean, double meanNorm) {
  static PlaceStatistics of(Rows rows) {
    double[] mean = new double[rows.width()];
    double norms = 0;
    for (int row = 0; row < rows.count(); row++) {
      double squares = 0;
      for (int i = 0; i < mean.length; i++) {
        double value = rows.at(row, i);
        mean[i] += value;
        squares += value * value;
      }
      norms += Math.sqrt(squares);
    }
    for (int i = 0; i < mean.length; i++) {
      mean[i] /= rows.count();
    }
    return new PlaceStatistics(mean, norms / rows.count());
  }

  /** The factor that makes the mean length {@code √d}. */
  double constant() {
    return Math.sqrt(mean.length) / meanNorm;
  }
}

package io.sluice.features.compare;

import io.sluice.dictionary.matching.DecoderCosines;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.geometry.Covariance;
import io.sluice.geometry.Spectrum;
import io.sluice.geometry.Subspace;
import java.util.function.IntPredicate;

/**
 * The space that a set of decoder rows spans: the eigenvectors of the second moments of the rows at
 * unit length, without centring.
 *
 * @param rows number of rows
 * @param moments their second moments; the mean is not subtracted
 * @param dimension how many directions hold 99 % of the rows' squared length
 * @param participation participation ratio of the eigenvalues
 */
record UnstableSpace(int rows, Covariance moments, int dimension, double participation) {
  private static final double TAU = 0.99;

  /** The space of the rows that {@code takes} selects; null if there are none. */
  static UnstableSpace of(DictionaryParameters from, IntPredicate takes) {
    int width = from.outputWidth();
    double[] sums = new double[width * width];
    float[] unit = new float[width];
    int count = 0;
    for (int row = 0; row < from.features(); row++) {
      if (takes.test(row)) {
        DecoderCosines.readUnit(from, row, unit, 0);
        for (int i = 0; i < width; i++) {
          double value = unit[i];
          for (int j = 0; j <= i; j++) {
            sums[i * width + j] += value * unit[j];
          }
        }
        count++;
      }
    }
    if (count == 0) {
      return null;
    }
    for (int i = 0; i < width; i++) {
      for (int j = 0; j <= i; j++) {
        sums[i * width + j] /= count;
        sums[j * width + i] = sums[i * width + j];
      }
    }
    Covariance moments = Covariance.of(count, new double[width], sums);
    Spectrum spectrum = Spectrum.of(moments);
    return new UnstableSpace(
        count, moments, spectrum.intrinsicDimension(TAU), spectrum.participationRatio());
  }

  /** The share of the rows' squared length inside a subspace, in [0, 1]. */
  double shareInside(Subspace space) {
    int width = space.width();
    double[] directions = space.directions();
    double inside = 0;
    for (int k = 0; k < space.dimension(); k++) {
      for (int i = 0; i < width; i++) {
        double product = 0;
        for (int j = 0; j < width; j++) {
          product += moments.at(i, j) * directions[k * width + j];
        }
        inside += directions[k * width + i] * product;
      }
    }
    double total = moments.totalVariance();
    return total == 0 ? 0 : Math.min(1, inside / total);
  }

  /** The leading directions, as many as the participation ratio. */
  Subspace core() {
    int most = moments.width();
    return Subspace.topDirections(moments, Math.clamp(Math.round(participation), 1, most));
  }
}

package io.sluice.features.compare;

import io.sluice.dictionary.matching.DecoderCosines;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.geometry.Covariance;
import io.sluice.geometry.Spectrum;
import io.sluice.geometry.Subspace;
import io.sluice.memory.MappedPages;
import java.util.Arrays;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

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

  /** Rows whose products are added at once. */
  private static final int BLOCK = 256;

  /** Rows that are read before the pages of a mapped file are given back. */
  private static final int RELEASED_AFTER = 4096;

  /**
   * The space of the rows that {@code takes} selects; null if there are none. A row of a later
   * layer has zeros at the hook points before its own.
   *
   * @param takes by the number of a feature through all layers
   */
  static UnstableSpace of(ComparedDictionary from, IntPredicate takes) {
    int width = from.width();
    double[] sums = new double[width * width];
    float[] block = new float[BLOCK * width];
    int inBlock = 0;
    int count = 0;
    int feature = 0;
    for (int layer = 0; layer < from.layers().size(); layer++) {
      DictionaryParameters rows = from.rows(layer);
      int missing = width - rows.outputWidth();
      for (int row = 0; row < rows.features(); row++) {
        if (takes.test(feature++)) {
          int at = inBlock * width;
          Arrays.fill(block, at, at + missing, 0);
          DecoderCosines.readUnit(rows, row, block, at + missing);
          count++;
          if (++inBlock == BLOCK) {
            add(block, inBlock, width, sums);
            inBlock = 0;
          }
        }
        if (row % RELEASED_AFTER == 0 || row == rows.features() - 1) {
          MappedPages.release(rows.decoder());
        }
      }
    }
    add(block, inBlock, width, sums);
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

  /** Adds products of rows; each sum in the order of rows, whatever the number of threads. */
  private static void add(float[] block, int rows, int width, double[] sums) {
    IntStream.range(0, width)
        .parallel()
        .forEach(
            i -> {
              for (int row = 0; row < rows; row++) {
                double value = block[row * width + i];
                for (int j = 0; j <= i; j++) {
                  sums[i * width + j] += value * block[row * width + j];
                }
              }
            });
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

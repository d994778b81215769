package io.sluice.training.start;

import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.geometry.Covariance;
import io.sluice.geometry.CovarianceAccumulator;
import io.sluice.memory.Rows;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.torch.Device;
import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.util.List;

/**
 * The statistics of hook points from one pass over a sample of a store.
 *
 * @param rows rows read
 * @param meanNorms mean length of the activations of each hook point
 * @param mean of all columns, {@code [Σ widths]}
 * @param variances mean squared distance from the mean, of each hook point
 * @param covariance of all columns together; null if it was not asked for
 */
public record Sample(
    long rows, double[] meanNorms, double[] mean, double[] variances, Covariance covariance) {
  private static final int BATCH = 1024;

  /**
   * Reads the sample of a run.
   *
   * @param hooks hook points, whose columns are put side by side
   * @param widths theirs
   * @throws IOException if an activation is not finite, or a column holds nothing but zeros
   */
  public static Sample of(
      ActivationStore store,
      TrainingConfig config,
      List<String> hooks,
      int[] widths,
      boolean covariance)
      throws IOException {
    if (store.rows() == 0) {
      throw new IOException(
          store.place() + ": has no rows to train on; " + store.remedyForNoRows());
    }
    int width = 0;
    for (int each : widths) {
      width += each;
    }
    double[] mean = new double[width];
    double[] norms = new double[widths.length];
    double[] squares = new double[widths.length];
    long count = 0;
    try (CovarianceAccumulator sums =
        covariance ? CovarianceAccumulator.on(Device.CPU, width) : null) {
      List<SiteScaling> raw = hooks.stream().map(SiteScaling::none).toList();
      SiteFeed feed = feed(store, config, raw, raw);
      long wanted = Math.min(config.sampleRows(), feed.rows());
      while (count < wanted) {
        Rows rows = feed.next().input();
        int take = (int) Math.min(rows.count(), wanted - count);
        for (int row = 0; row < take; row++) {
          int column = 0;
          for (int site = 0; site < widths.length; site++) {
            double square = 0;
            for (int end = column + widths[site]; column < end; column++) {
              double value = rows.at(row, column);
              mean[column] += value;
              square += value * value;
            }
            norms[site] += Math.sqrt(square);
            squares[site] += square;
          }
        }
        if (sums != null) {
          sums.add(rows.memory(), rows.dtype(), take);
        }
        count += take;
      }
      int column = 0;
      for (int site = 0; site < widths.length; site++) {
        double meanSquare = 0;
        for (int end = column + widths[site]; column < end; column++) {
          mean[column] /= count;
          meanSquare += mean[column] * mean[column];
        }
        norms[site] /= count;
        squares[site] = squares[site] / count - meanSquare;
        if (!(norms[site] > 0)) {
          throw new IOException(
              store.place() + ": column '" + hooks.get(site) + "' holds nothing but zeros");
        }
        if (!Float.isFinite((float) (Math.sqrt(widths[site]) / norms[site]))) {
          throw new IOException(
              "%s: column '%s' has values too small for float32 (a mean norm of %s); write them multiplied by a factor"
                  .formatted(store.place(), hooks.get(site), norms[site]));
        }
        // What is left of the squares of one vector is rounding.
        if (!(squares[site] > 1e-13 * meanSquare)) {
          throw new IOException(
              count == 1
                  ? "%s: only one token is selected, and training needs several; capture a longer text"
                      .formatted(store.place())
                  : "%s: column '%s' holds the same vector in all %d rows that were read; there is nothing to learn: capture another text"
                      .formatted(store.place(), hooks.get(site), count));
        }
      }
      return new Sample(count, norms, mean, squares, covariance(sums, store, hooks));
    }
  }

  private static Covariance covariance(
      CovarianceAccumulator sums, ActivationStore store, List<String> hooks) throws IOException {
    try {
      return sums == null ? null : sums.covariance();
    } catch (IllegalArgumentException e) {
      throw new IOException(
          store.place() + ": " + String.join(", ", hooks) + ": " + e.getMessage(), e);
    }
  }

  /**
   * The factor of activations of a hook point in training, which makes their mean norm {@code
   * sqrt(d)}; 1 if the configuration does not normalise.
   *
   * @param site which hook point
   * @param width its width
   */
  double scale(int site, int width, TrainingConfig config) {
    return config.normalise() ? Math.sqrt(width) / meanNorms[site] : 1;
  }

  /** Batches of the sample, in the same order for all that read it. */
  static SiteFeed feed(
      ActivationStore store,
      TrainingConfig config,
      List<SiteScaling> inputs,
      List<SiteScaling> targets)
      throws IOException {
    int size = (int) Math.min(BATCH, store.rows());
    return new SiteFeed(
        store,
        BatchPlan.shuffled(SiteFeed.columns(inputs, targets), size, ~config.dataSeed())
            .where(config.rows(store)),
        inputs,
        targets);
  }
}

package io.sluice.evaluation.measures;

import io.sluice.dictionary.Site;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.store.RowFilter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;

/** The mean activation of the tokens of a store. */
public final class StoreMean {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int BATCH = 4096;
  private static final int TASK_ROWS = 256;

  private StoreMean() {}

  /**
   * Reads hook points of a store once.
   *
   * @param sites their names and widths
   * @param filter selects the tokens
   * @return {@code [Σ widths]}, the sites one after the other; zeros if no token is selected
   * @throws IllegalArgumentException if the store has no such hook point
   * @throws IOException if an activation is not finite, or a file cannot be read
   */
  public static double[] of(ActivationStore store, List<Site> sites, RowFilter filter)
      throws IOException {
    List<SiteScaling> plain = SiteScaling.none(sites);
    BatchPlan plan = BatchPlan.sequential(SiteFeed.columns(plain, plain), BATCH).where(filter);
    SiteFeed feed = new SiteFeed(store, plan, plain, plain);
    double[] mean = new double[Site.widths(sites)];
    long count = 0;
    while (count < feed.rows() && feed.hasNext()) {
      Rows rows = feed.next().target();
      for (double[] part : parts(rows)) {
        for (int i = 0; i < mean.length; i++) {
          mean[i] += part[i];
        }
      }
      count += rows.count();
    }
    for (int i = 0; i < mean.length; i++) {
      mean[i] /= Math.max(1, count);
    }
    return mean;
  }

  /** The sums of some rows each, so that the result does not depend on the number of threads. */
  private static double[][] parts(Rows rows) {
    double[][] parts = new double[Math.ceilDiv(rows.count(), TASK_ROWS)][];
    Workers.allCores()
        .run(
            parts.length,
            task -> {
              double[] sum = new double[rows.width()];
              float[] row = new float[rows.width()];
              int end = Math.min(rows.count(), (task + 1) * TASK_ROWS);
              IntStream.range(task * TASK_ROWS, end).forEach(i -> add(rows, i, row, sum));
              parts[task] = sum;
            });
    return parts;
  }

  private static void add(Rows rows, int row, float[] scratch, double[] sum) {
    if (rows.dtype() == DType.F32) {
      long at = row * rows.rowBytes();
      MemorySegment.copy(rows.memory(), FLOAT, at, scratch, 0, scratch.length);
    } else {
      for (int i = 0; i < scratch.length; i++) {
        scratch[i] = rows.at(row, i);
      }
    }
    for (int i = 0; i < sum.length; i++) {
      sum[i] += scratch[i];
    }
  }
}

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
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The mean activation of the tokens of a store. Tokens are summed in blocks of {@value #BLOCK}, one
 * after the other, and then the blocks, so different processes can sum blocks.
 */
public final class StoreMean {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int BATCH = 4096;
  private static final int BATCHES = 16;
  private static final int BLOCK = BATCHES * BATCH;
  private static final int TASK_ROWS = 256;

  private final ActivationStore store;
  private final int width;
  private final SiteFeed feed;

  /**
   * The tokens to sum.
   *
   * @param sites names and widths of hook points
   * @param filter selects the tokens
   * @throws IllegalArgumentException if the store has no such hook point
   */
  public StoreMean(ActivationStore store, List<Site> sites, RowFilter filter) {
    this.store = store;
    this.width = Site.widths(sites);
    List<SiteScaling> plain = SiteScaling.none(sites);
    BatchPlan plan = BatchPlan.sequential(SiteFeed.columns(plain, plain), BATCH).where(filter);
    this.feed = new SiteFeed(store, plan, plain, plain);
  }

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
    StoreMean tokens = new StoreMean(store, sites, filter);
    double[] sums = new double[tokens.width + 1];
    for (int block = 0; block < tokens.blocks(); block++) {
      double[] some = tokens.sums(block);
      for (int i = 0; i < sums.length; i++) {
        sums[i] += some[i];
      }
    }
    return ofSums(sums);
  }

  /** How many blocks there are. */
  public int blocks() {
    return Math.toIntExact(Math.ceilDiv(feed.rows(), (long) BLOCK));
  }

  /** The row of the store where a block begins: 0 for the first, and the end after the last. */
  public long start(int block) {
    return block == 0 ? 0 : block == blocks() ? store.rows() : feed.row((long) block * BLOCK);
  }

  /**
   * Sums a block. Those of several blocks are added number by number, in their order.
   *
   * @return {@code [Σ widths + 1]}, the number of tokens last
   * @throws IOException if an activation is not finite, or a file cannot be read
   */
  public double[] sums(int block) throws IOException {
    double[] sums = new double[width + 1];
    feed.seek((long) block * BATCHES);
    for (int i = 0; i < BATCHES && feed.hasNext(); i++) {
      Rows rows = feed.next().target();
      for (double[] part : parts(rows)) {
        for (int j = 0; j < width; j++) {
          sums[j] += part[j];
        }
      }
      sums[width] += rows.count();
    }
    return sums;
  }

  /** The mean, {@code [Σ widths]}, from the sums of all blocks. */
  public static double[] ofSums(double[] sums) {
    double[] mean = Arrays.copyOf(sums, sums.length - 1);
    for (int i = 0; i < mean.length; i++) {
      mean[i] /= Math.max(1, sums[mean.length]);
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

package io.sluice.dictionary.lorsa;

import io.sluice.engine.lorsa.LorsaBatch;
import io.sluice.engine.lorsa.LorsaResult;
import io.sluice.store.Contexts;
import io.sluice.torch.DType;
import io.sluice.torch.Tensor;

/**
 * Sums over batches of contexts from which a Lorsa's fraction of variance unexplained follows. The
 * same contexts in the same batches give the same numbers wherever they are taken.
 */
public final class LorsaSums {
  private static final int BATCH_TOKENS = 4096;

  private final double[] sums;
  private double squares;
  private LorsaResult total = LorsaResult.NONE;

  /** Empty sums over targets of a width. */
  public LorsaSums(int width) {
    this.sums = new double[width];
  }

  /** How many contexts make a batch. */
  public static int contextsAtOnce(Contexts contexts) {
    return Math.max(1, BATCH_TOKENS / Math.max(1, contexts.longest()));
  }

  /** Adds a batch and what the engine has measured on it; works in the innermost scope. */
  public void add(LorsaBatch batch, LorsaResult result) {
    total = total.plus(result);
    for (int i = 0; i < batch.contexts(); i++) {
      int count = batch.lengths()[i] - batch.from();
      if (count > 0) {
        Tensor rows = batch.target().select(0, i).narrow(0, batch.from(), count).to(DType.F64);
        double[] part = rows.sum(false, 0).toDoubles();
        for (int j = 0; j < sums.length; j++) {
          sums[j] += part[j];
        }
        squares += rows.square().sum().item();
      }
    }
  }

  /** What was measured so far. */
  public LorsaResult total() {
    return total;
  }

  /** Whether the targets vary; what is left of the squares of one vector is rounding. */
  public boolean varies() {
    return total.tokens() > 1 && variance() > 1e-12 * squares;
  }

  /** Fraction of variance unexplained: squared error over squared distance from the mean. */
  public double fvu() {
    return total.squaredError() / variance();
  }

  private double variance() {
    double meanEnergy = 0;
    for (double sum : sums) {
      meanEnergy += sum * sum / total.tokens();
    }
    return squares - meanEnergy;
  }
}

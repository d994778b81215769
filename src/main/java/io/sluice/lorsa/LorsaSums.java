package io.sluice.lorsa;

import io.sluice.dictionary.TargetSums;
import io.sluice.lorsa.engine.LorsaBatch;
import io.sluice.lorsa.engine.LorsaResult;
import io.sluice.memory.DType;
import io.sluice.store.Contexts;
import io.sluice.torch.Tensor;

/**
 * Sums over batches of contexts for a Lorsa's fraction of variance unexplained. The same contexts
 * in the same batches always give the same numbers.
 */
public final class LorsaSums {
  private static final int BATCH_TOKENS = 4096;

  private final TargetSums targets;
  private LorsaResult total = LorsaResult.NONE;

  /** Empty sums over targets of a width. */
  public LorsaSums(int width) {
    this.targets = new TargetSums(width);
  }

  /** How many contexts make a batch. */
  public static int contextsAtOnce(Contexts contexts) {
    return Math.max(1, BATCH_TOKENS / Math.max(1, contexts.longest()));
  }

  /** Adds a batch and the sums that the engine measured on it; works in the innermost scope. */
  public void add(LorsaBatch batch, LorsaResult result) {
    total = total.plus(result);
    for (int i = 0; i < batch.contexts(); i++) {
      int count = batch.lengths()[i] - batch.from();
      if (count > 0) {
        Tensor rows = batch.target().select(0, i).narrow(0, batch.from(), count).to(DType.F64);
        targets.add(rows.sum(false, 0).toDoubles(), rows.square().sum().item());
      }
    }
  }

  /** The sums so far. */
  public LorsaResult total() {
    return total;
  }

  /** Whether the targets vary. */
  public boolean varies() {
    return targets.vary(total.tokens());
  }

  /** Fraction of variance unexplained: squared error over squared distance from the mean. */
  public double fvu() {
    return total.squaredError() / targets.variance(total.tokens());
  }
}

package io.sluice.evaluation.measures;

import java.io.Serializable;
import java.util.BitSet;

/**
 * {@link FeatureCounts} of some features over some consecutive batches, on their way to those of
 * all.
 *
 * @param isContinued whether the first context has tokens before these batches
 * @param isOneContext whether all tokens are of one context
 * @param fired on how many tokens each feature fires
 * @param contexts in how many contexts
 * @param lastBatch the number of the last batch in which it fires; -1 if there is none
 * @param inFirst which features fire in the first context
 * @param inLast which features fire in the last context
 */
public record FiringPart(
    boolean isContinued,
    boolean isOneContext,
    long[] fired,
    int[] contexts,
    int[] lastBatch,
    BitSet inFirst,
    BitSet inLast)
    implements Serializable {
  /**
   * The counts over these batches and those that follow. A context that goes on from one to the
   * other counts once.
   *
   * @param next of the same features over the batches after these
   */
  public FiringPart then(FiringPart next) {
    int features = fired.length;
    long[] allFired = fired.clone();
    int[] allContexts = contexts.clone();
    int[] allLast = lastBatch.clone();
    for (int i = 0; i < features; i++) {
      allFired[i] += next.fired[i];
      allContexts[i] += next.contexts[i];
      allLast[i] = Math.max(allLast[i], next.lastBatch[i]);
    }
    BitSet last = (BitSet) next.inLast.clone();
    BitSet first = (BitSet) inFirst.clone();
    if (next.isContinued) {
      BitSet twice = (BitSet) inLast.clone();
      twice.and(next.inFirst);
      twice.stream().forEach(i -> allContexts[i]--);
      if (next.isOneContext) {
        last.or(inLast);
      }
      if (isOneContext) {
        first.or(next.inFirst);
      }
    }
    return new FiringPart(
        isContinued,
        isOneContext && next.isContinued && next.isOneContext,
        allFired,
        allContexts,
        allLast,
        first,
        last);
  }
}

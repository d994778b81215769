package io.sluice.evaluation;

import io.sluice.dictionary.ActivationFeed;
import io.sluice.dictionary.ReconstructionSums;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.EngineFactory;
import io.sluice.evaluation.measures.FeatureCounts;
import io.sluice.evaluation.measures.FiringPart;
import io.sluice.evaluation.measures.SumPart;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.store.RowFilter;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.util.List;

/**
 * An evaluation, cut into blocks of {@value ReconstructionSums#BLOCK} batches. Each block is summed
 * for itself, and the sums of the blocks are added in their order. So different processes can sum
 * blocks, and the result has the bits of {@link Evaluator}.
 *
 * @param subject what is evaluated
 * @param store the activations
 * @param filter selects the rows to use
 * @param batch tokens at once
 * @param deadWindow tokens after which a feature that did not fire counts as dead; all tokens if
 *     there are fewer
 */
public record EvaluationPlan(
    EvaluatedDictionary subject,
    ActivationStore store,
    RowFilter filter,
    int batch,
    long deadWindow) {
  /**
   * Checks that the dictionary fits the store.
   *
   * @throws IllegalArgumentException if the store has no such hook point (the message lists those
   *     it has), or its width is not the dictionary's
   */
  public EvaluationPlan {
    requireWidths("reads", subject.inputs(), store);
    requireWidths("writes", subject.outputs(), store);
    if (store.rows() == 0) {
      throw new IllegalArgumentException(store.place() + ": the store has no rows");
    }
    // Everything that is measured takes the same tokens, whichever hook points it reads.
    filter =
        store.used(
            filter,
            SiteFeed.columns(
                SiteScaling.none(subject.inputs()), SiteScaling.none(subject.outputs())));
  }

  private static void requireWidths(String does, List<Site> sites, ActivationStore store) {
    for (Site site : sites) {
      Column column = ActivationFeed.activations(store, site.hook());
      if (column.width() != site.width()) {
        throw new IllegalArgumentException(
            "%s: '%s' is %d wide, but the dictionary %s a width of %d"
                .formatted(store.place(), column.name(), column.width(), does, site.width()));
      }
    }
  }

  /** Opens the batches. */
  SiteFeed feed() {
    List<SiteScaling> read = SiteScaling.none(subject.inputs());
    List<SiteScaling> written = SiteScaling.none(subject.outputs());
    BatchPlan plan = BatchPlan.sequential(SiteFeed.columns(read, written), batch).where(filter);
    SiteFeed feed = new SiteFeed(store, plan, read, written);
    if (feed.rows() == 0) {
      throw new IllegalArgumentException(
          "%s: none of its %d rows is selected; %s"
              .formatted(store.place(), store.rows(), store.remedyForNoRows()));
    }
    return feed;
  }

  /** How many blocks of batches so many tokens have. */
  int blocks(long tokens) {
    return Math.toIntExact(Math.ceilDiv(tokens, (long) ReconstructionSums.BLOCK * batch));
  }

  /**
   * How many blocks there are.
   *
   * @throws IllegalArgumentException if no row is selected
   */
  public int blocks() {
    return blocks(feed().rows());
  }

  /** Opens an engine with the dictionary, to sum blocks in this process. */
  public EvaluationPass open(EngineFactory engines) {
    return new EvaluationPass(this, engines);
  }

  /**
   * The evaluation.
   *
   * @param sums of all blocks, added in their order
   * @param firings over all blocks, of consecutive features
   * @throws IOException if a reconstruction is not finite, or all tokens are the same
   */
  public Evaluation result(SumPart sums, List<FiringPart> firings) throws IOException {
    EvaluationSums all = EvaluationSums.of(subject.outputs(), sums.numbers());
    long tokens = all.reconstruction().tokens();
    return result(all, FeatureCounts.of(subject.features(), tokens, firings));
  }

  /** The evaluation, from the sums of all blocks. */
  Evaluation result(EvaluationSums all, FeatureCounts counts) throws IOException {
    ReconstructionSums sums = all.reconstruction();
    if (!Double.isFinite(sums.error())) {
      throw new IOException(
          "the reconstruction is not finite: the dictionary holds NaN or infinity");
    }
    if (!sums.varies()) {
      throw new IOException(
          "%s: all %,d tokens have the same vector in '%s', so there is no variance to"
                  .formatted(
                      store.place(),
                      sums.tokens(),
                      String.join(", ", Site.names(subject.outputs())))
              + " explain; evaluate on more text");
    }
    long tokens = sums.tokens();
    double fvu = sums.fvu();
    long window = Math.min(deadWindow, tokens);
    int alive = counts.firedSince(tokens - window, batch);
    return new Evaluation(
        null,
        tokens,
        fvu,
        1 - fvu,
        sums.l0(),
        all.tokens().measures(),
        1 - (double) alive / subject.features(),
        window,
        FrequencyHistogram.of(counts.fired(), tokens),
        all.sites().fvus(tokens),
        null,
        null,
        counts,
        all.tokens().byPosition());
  }
}

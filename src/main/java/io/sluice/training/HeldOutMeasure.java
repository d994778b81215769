package io.sluice.training;

import io.sluice.dictionary.ReconstructionSums;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.Engine;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.store.BatchPlan;
import io.sluice.store.HeldOut;
import java.io.IOException;
import java.util.List;

/**
 * The FVU of a dictionary on the tokens that its run holds out: of the exported dictionary, on raw
 * activations, in the order of the store, so that it is the number that {@code sluice evaluate}
 * finds.
 */
final class HeldOutMeasure {
  /** Held-out tokens are read once per this many times as many tokens of training. */
  private static final long TRAINED_PER_HELD_OUT = 20;

  private HeldOutMeasure() {}

  /**
   * Whether a line of metrics is due to have it: seldom enough that training hardly takes longer,
   * and by the numbers of tokens alone, so that a resumed run measures at the same lines.
   *
   * @param before tokens at the line before
   * @param tokens tokens at this line
   */
  static boolean isDue(HeldOut heldOut, long before, long tokens) {
    if (heldOut.isEmpty()) {
      return false;
    }
    long every = TRAINED_PER_HELD_OUT * heldOut.tokens();
    return before / every < tokens / every;
  }

  /**
   * Measures.
   *
   * @param engine one that runs the exported dictionary
   * @return the FVU; NaN where all held-out tokens are the same
   * @throws IOException if an activation is not finite
   */
  static double fvu(
      Engine engine,
      List<Site> inputs,
      List<Site> outputs,
      ActivationFunction selection,
      Activations.Unseen unseen)
      throws IOException {
    List<SiteScaling> read = SiteScaling.none(inputs);
    List<SiteScaling> written = SiteScaling.none(outputs);
    SiteFeed feed =
        new SiteFeed(
            unseen.store(),
            BatchPlan.sequential(SiteFeed.columns(read, written), ReconstructionSums.USUAL_BATCH)
                .where(unseen.rows()),
            read,
            written);
    ReconstructionSums sums = new ReconstructionSums(Site.widths(outputs));
    while (feed.hasNext()) {
      ReconstructionSums block = new ReconstructionSums(Site.widths(outputs));
      for (int i = 0; i < ReconstructionSums.BLOCK && feed.hasNext(); i++) {
        SiteFeed.Pair pair = feed.next();
        engine.encode(pair.input(), selection);
        block.add(engine, pair.target());
      }
      sums.add(block.numbers());
    }
    return sums.varies() ? sums.fvu() : Double.NaN;
  }
}

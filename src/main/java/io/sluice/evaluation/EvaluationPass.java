package io.sluice.evaluation;

import io.sluice.dictionary.ReconstructionSums;
import io.sluice.dictionary.SiteFeed;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.evaluation.measures.FeatureCounts;
import io.sluice.evaluation.measures.RowPlaces;
import io.sluice.evaluation.measures.SumPart;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.Rows;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.function.LongConsumer;

/**
 * Sums blocks of an {@link EvaluationPlan}, with the dictionary in an engine. Its memory does not
 * grow with the number of blocks. Not safe for use by several threads at a time.
 */
public final class EvaluationPass implements AutoCloseable {
  private final EvaluationPlan plan;
  private final SiteFeed feed;
  private final Engine engine;
  private final GrowingMemory made = new GrowingMemory();

  EvaluationPass(EvaluationPlan plan, EngineFactory engines) {
    this.plan = plan;
    this.feed = plan.feed();
    this.engine = plan.subject().open(engines);
  }

  /** How many blocks there are. */
  public int blocks() {
    return plan.blocks(feed.rows());
  }

  /** Takes the sums of blocks, one after the other. */
  public interface BlockConsumer {
    /** Takes those of a block. */
    void accept(int block, SumPart sums);
  }

  /**
   * Reads consecutive blocks.
   *
   * @param from the first block
   * @param to the end, exclusive
   * @param mean of what the dictionary writes, over all tokens, {@code [Σ widths]}
   * @param sums takes those of each block
   * @param progress called after each batch with the number of tokens done, in these blocks
   * @return the firings in these blocks
   * @throws IOException if an activation is not finite, or a file cannot be read
   */
  public FeatureCounts run(
      int from, int to, double[] mean, BlockConsumer sums, LongConsumer progress)
      throws IOException {
    int first = from * ReconstructionSums.BLOCK;
    FeatureCounts counts = new FeatureCounts(plan.subject().features(), first);
    RowPlaces places =
        new RowPlaces(plan.store(), plan.filter(), feed.row((long) first * plan.batch()));
    feed.seek(first);
    long done = 0;
    for (int block = from; block < to; block++) {
      EvaluationSums own = new EvaluationSums(plan.subject().outputs(), mean);
      for (int i = 0; i < ReconstructionSums.BLOCK && feed.hasNext(); i++) {
        SiteFeed.Pair pair = feed.next();
        add(pair, own, counts, places);
        done += pair.target().count();
        progress.accept(done);
      }
      sums.accept(block, new SumPart(own.numbers()));
    }
    return counts;
  }

  private void add(SiteFeed.Pair pair, EvaluationSums sums, FeatureCounts counts, RowPlaces places)
      throws IOException {
    Rows rows = pair.target();
    engine.encode(pair.input(), plan.subject().activation());
    sums.reconstruction().add(engine, rows);
    Codes codes = engine.codes();
    places.next(rows.count());
    counts.add(codes, places);
    MemorySegment reconstruction = made.of(rows.count(), rows.width());
    engine.readReconstruction(reconstruction);
    sums.tokens().add(rows, reconstruction, codes, places);
    sums.sites().add(reconstruction, rows);
  }

  @Override
  public void close() {
    engine.close();
  }
}

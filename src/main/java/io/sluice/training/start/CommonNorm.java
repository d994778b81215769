package io.sluice.training.start;

import io.sluice.dictionary.NormSearch;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.Engine;
import io.sluice.engine.activation.Pursuit;
import io.sluice.memory.Rows;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleFunction;

/**
 * Finds the common length of all rows of a new dictionary that reconstructs a sample best, and
 * makes the engine.
 */
final class CommonNorm {
  /** Rows that the search reads; its one number needs no more. */
  private static final int ROWS = 8192;

  private final ActivationStore store;
  private final TrainingConfig config;

  CommonNorm(ActivationStore store, TrainingConfig config) {
    this.store = store;
    this.config = config;
  }

  /**
   * Finds the rows' length and gives it to the engine; closes the engine if that fails.
   *
   * @param engine with rows of unit length
   */
  Preparation.Prepared finish(
      Engine engine,
      List<SiteFeed.Pair> sample,
      WhiteningMap map,
      DoubleFunction<StartingPoint> start) {
    return finish(engine, List.of(engine), sample, map, start);
  }

  /** Like the other method, for an engine of several parts. */
  Preparation.Prepared finish(
      Engine engine,
      List<Engine> parts,
      List<SiteFeed.Pair> sample,
      WhiteningMap map,
      DoubleFunction<StartingPoint> start) {
    try {
      // The rows of matching pursuit are directions, of length 1.
      double norm =
          config.sparsity().activation() instanceof Pursuit || !config.normSearch()
              ? 1
              : NormSearch.bestNorm(engine, sample, config.sparsity().startingActivation());
      if (norm != 1) {
        parts.forEach(part -> StartingWeights.multiply(part, (float) norm));
      }
      InitialThresholds.set(engine, config.sparsity(), sample);
      return new Preparation.Prepared(engine, start.apply(norm), map);
    } catch (RuntimeException e) {
      engine.close();
      throw e;
    }
  }

  /** Batches to search on, as the engine sees them, in memory of {@code arena}. */
  List<SiteFeed.Pair> sample(
      Arena arena, List<SiteScaling> read, List<SiteScaling> written, WhiteningMap map)
      throws IOException {
    SiteFeed feed = Sample.feed(store, config, read, written);
    List<SiteFeed.Pair> copies = new ArrayList<>();
    long wanted = Math.min(ROWS, feed.rows());
    for (long count = 0; count < wanted; ) {
      SiteFeed.Pair pair = feed.next();
      Rows input = copy(arena, map == null ? pair.input() : map.apply(pair.input()));
      copies.add(
          new SiteFeed.Pair(
              input, pair.target() == pair.input() ? input : copy(arena, pair.target())));
      count += input.count();
    }
    return copies;
  }

  private static Rows copy(Arena arena, Rows rows) {
    long bytes = (long) rows.count() * rows.width() * rows.dtype().bytes();
    MemorySegment copy = arena.allocate(bytes, 64);
    copy.copyFrom(rows.memory().asSlice(0, bytes));
    return new Rows(copy, rows.dtype(), rows.count(), rows.width(), rows.scale());
  }
}

package io.sluice.training.start;

import io.sluice.dictionary.NormSearch;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.Engine;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.Rows;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleFunction;

/**
 * Finds the common length of all rows of a new dictionary that reconstructs a sample best, and
 * makes the engine.
 */
final class CommonNorm {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** Rows that the search reads; its one number needs no more. */
  private static final int ROWS = 8192;

  private final ActivationStore store;
  private final TrainingConfig config;

  CommonNorm(ActivationStore store, TrainingConfig config) {
    this.store = store;
    this.config = config;
  }

  /** Finds the rows' length and gives it to the engine; closes the engine if that fails. */
  Preparation.Prepared finish(
      Engine engine,
      DictionaryParameters unit,
      List<SiteFeed.Pair> sample,
      WhiteningMap map,
      DoubleFunction<StartingPoint> start) {
    return finish(engine, List.of(engine), List.of(unit), sample, map, start);
  }

  /** Like the other method, for an engine of several parts. */
  Preparation.Prepared finish(
      Engine engine,
      List<Engine> parts,
      List<DictionaryParameters> units,
      List<SiteFeed.Pair> sample,
      WhiteningMap map,
      DoubleFunction<StartingPoint> start) {
    try {
      // The rows of matching pursuit are directions, of length 1.
      double norm =
          config.sparsity().activation() instanceof Pursuit || !config.normSearch()
              ? 1
              : NormSearch.bestNorm(engine, sample, config.sparsity().startingActivation());
      for (int i = 0; i < parts.size(); i++) {
        Engine part = parts.get(i);
        DictionaryParameters unit = units.get(i);
        multiply(unit.encoder(), (float) norm);
        multiply(unit.decoder(), (float) norm);
        part.write(part.state().get(0), unit.encoder());
        part.write(part.state().get(2), unit.decoder());
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

  private static void multiply(MemorySegment values, float factor) {
    for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
      values.setAtIndex(FLOAT, i, factor * values.getAtIndex(FLOAT, i));
    }
  }
}

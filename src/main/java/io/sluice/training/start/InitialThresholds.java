package io.sluice.training.start;

import io.sluice.dictionary.SiteFeed;
import io.sluice.engine.Engine;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.Rows;
import io.sluice.training.config.SparsityConfig;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * The initial values of learned thresholds and gates, with which k features of a token fire on a
 * sample. So codes are sparse from the first step on, as with BatchTopK, rather than half of all
 * features being active until the penalty has had its effect.
 */
final class InitialThresholds {
  /** A threshold has a logarithm. */
  static final double LEAST = 1e-6;

  private InitialThresholds() {}

  /** Sets what {@code engine} learns per feature, its rows having their lengths. */
  static void set(Engine engine, SparsityConfig sparsity, List<SiteFeed.Pair> sample) {
    switch (engine.spec().learned()) {
      case NOTHING -> {}
      case THRESHOLD ->
          fill(engine, Learned.LOG_THRESHOLD, Math.log(level(engine, sparsity, sample)));
      // A closed gate's magnitude is z itself, as is JumpReLU's.
      case GATE -> fill(engine, "encoder_bias", -level(engine, sparsity, sample));
    }
  }

  private static double level(Engine engine, SparsityConfig sparsity, List<SiteFeed.Pair> sample) {
    if (sparsity.threshold() > 0) {
      return sparsity.threshold();
    }
    double sum = 0;
    long rows = 0;
    for (SiteFeed.Pair pair : sample) {
      Rows batch = pair.input();
      engine.encode(batch, new BatchTopK(sparsity.k()));
      sum += (double) batch.count() * engine.leastScore();
      rows += batch.count();
    }
    return Math.max(LEAST, sum / rows);
  }

  private static void fill(Engine engine, String name, double value) {
    StateTensor tensor = engine.tensor(name);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(tensor.bytes(), 64);
      for (long i = 0; i < engine.spec().features(); i++) {
        values.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) value);
      }
      engine.write(tensor, values);
    }
  }
}

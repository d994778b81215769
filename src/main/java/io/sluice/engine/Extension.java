package io.sluice.engine;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.Rows;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/**
 * What some dictionaries compute around an engine: an {@link ExtendedEngine} hands each of these
 * calls to its extension, together with the engine inside. All other calls go to that engine.
 */
sealed interface Extension extends AutoCloseable permits SkipConnection, TokenNormalisation {
  /** Like {@link Engine#encode}. */
  void encode(Engine inner, Rows input, ActivationFunction selection);

  /** Like {@link Engine#decode}. */
  double decode(Engine inner, Rows target, boolean withGradients);

  /** Like {@link Engine#decodeForTraining}. */
  boolean decodeForTraining(Engine inner, Rows target);

  /** Like {@link Engine#readReconstruction}. */
  void readReconstruction(Engine inner, MemorySegment destination);

  /** Like {@link Engine#accumulate}. */
  default void accumulate(Engine inner) {
    inner.accumulate();
  }

  /** Like {@link Engine#update}. */
  default void update(Engine inner, AdamStep step) {
    inner.update(step);
  }

  /** The tensors that come after the engine's in its state, in order, and their memory. */
  default Map<StateTensor, MemorySegment> added() {
    return Map.of();
  }

  /** Frees the extension's own memory. */
  @Override
  void close();
}

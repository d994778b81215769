package io.sluice.lorsa.training;

import io.sluice.lorsa.Lorsa;
import io.sluice.lorsa.LorsaConfig;
import io.sluice.lorsa.engine.LorsaEngine;
import io.sluice.lorsa.engine.LorsaTensor;
import io.sluice.lorsa.engine.LorsaWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A trained Lorsa in the units of the raw activations: the scales of training are folded into its
 * weights. Activations are the same; queries, keys and values read the raw input, and outputs are
 * as long as the raw target.
 */
final class LorsaExport {
  private LorsaExport() {}

  static Lorsa of(LorsaConfig config, LorsaEngine engine, LorsaStartingPoint start) {
    LorsaWeights weights = engine.weights(Arena.ofAuto());
    for (LorsaTensor tensor : LorsaTensor.values()) {
      switch (tensor) {
        case QUERY, KEY, VALUE -> multiply(weights.get(tensor), (float) start.inputScale());
        case OUTPUT, OUTPUT_BIAS ->
            multiply(weights.get(tensor), (float) (1 / start.targetScale()));
        case QUERY_BIAS, KEY_BIAS, VALUE_BIAS -> {}
      }
    }
    return new Lorsa(config, weights);
  }

  private static void multiply(MemorySegment values, float factor) {
    for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
      values.setAtIndex(
          ValueLayout.JAVA_FLOAT, i, factor * values.getAtIndex(ValueLayout.JAVA_FLOAT, i));
    }
  }
}

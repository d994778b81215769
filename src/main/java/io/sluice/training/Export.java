package io.sluice.training;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.Engine;
import io.sluice.engine.Parameters;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Folds the dataset-wise scale {@code s} into the weights. Training sees {@code s·x}, so {@code
 * W_E·s}, {@code W_D / s} and {@code b_D / s} do on {@code x} what the trained weights do on {@code
 * s·x}, with the same codes.
 */
final class Export {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private Export() {}

  /**
   * The dictionary of the raw activations.
   *
   * @param map what stands before the engine, or null if only the scale does
   */
  static Dictionary dictionary(DictionaryConfig config, Engine engine, double scale, InputMap map) {
    // The feed multiplies by the float32 nearest to the scale.
    float factor = (float) scale;
    Parameters parameters = engine.parameters(Arena.ofAuto());
    requireFinite("encoder", parameters.encoder());
    requireFinite("encoder bias", parameters.encoderBias());
    requireFinite("decoder", parameters.decoder());
    requireFinite("decoder bias", parameters.decoderBias());
    if (map != null) {
      return map.fold(config, parameters);
    }
    multiply(parameters.encoder(), factor);
    multiply(parameters.decoder(), 1.0 / factor);
    multiply(parameters.decoderBias(), 1.0 / factor);
    return new Dictionary(config, parameters);
  }

  private static void requireFinite(String name, MemorySegment values) {
    for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
      if (!Float.isFinite(values.getAtIndex(FLOAT, i))) {
        throw new DivergedException(
            "the trained %s holds %s; try a lower learning rate"
                .formatted(name, values.getAtIndex(FLOAT, i)));
      }
    }
  }

  private static void multiply(MemorySegment values, double factor) {
    if (factor == 1) {
      return;
    }
    for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
      values.setAtIndex(FLOAT, i, (float) (factor * values.getAtIndex(FLOAT, i)));
    }
  }
}

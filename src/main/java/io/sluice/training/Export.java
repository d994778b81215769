package io.sluice.training;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.Engine;
import io.sluice.engine.Parameters;
import io.sluice.engine.SkipEngine;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Folds what training did to activations into the weights. Training reads {@code s·(x − m)} and
 * writes {@code t·y}, so {@code W_E·s}, {@code b_E − s·W_E·m}, {@code W_D / t} and {@code b_D / t}
 * do on {@code x} what the trained weights do on what they see, with the same codes. A skip
 * connection {@code K} becomes {@code K·s/t}, and takes {@code K·s·m/t} off the decoder bias.
 */
final class Export {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private Export() {}

  /**
   * The dictionary of the raw activations.
   *
   * @param map what stands before the engine, or null if only scales and shifts do
   */
  static Dictionary dictionary(
      DictionaryConfig config, Engine engine, StartingPoint start, InputMap map) {
    Parameters parameters = engine.parameters(Arena.ofAuto());
    requireFinite("encoder", parameters.encoder());
    requireFinite("encoder bias", parameters.encoderBias());
    requireFinite("decoder", parameters.decoder());
    requireFinite("decoder bias", parameters.decoderBias());
    if (map != null) {
      return LearnedActivation.of(map.fold(config, parameters), engine);
    }
    // The feed multiplies by the float32 nearest to a scale.
    SiteScaling read = start.inputs().getFirst();
    multiply(parameters.encoder(), (float) read.scale());
    subtractShift(parameters, read.shiftValues());
    double written = (float) start.outputs().getFirst().scale();
    multiply(parameters.decoder(), 1.0 / written);
    multiply(parameters.decoderBias(), 1.0 / written);
    MemorySegment skip = null;
    if (engine instanceof SkipEngine skips) {
      skip = skips.skip(Arena.ofAuto());
      requireFinite("skip connection", skip);
      multiply(skip, (float) read.scale() / written);
      subtractSkipped(parameters, skip, read.shiftValues());
    }
    return LearnedActivation.of(new Dictionary(config, parameters, skip), engine);
  }

  /** Takes what the skip connection makes of the shift off the decoder bias. */
  private static void subtractSkipped(Parameters p, MemorySegment skip, float[] shift) {
    for (int output = 0; output < p.outputWidth(); output++) {
      double product = 0;
      for (int i = 0; i < shift.length; i++) {
        product += (double) shift[i] * skip.getAtIndex(FLOAT, (long) output * shift.length + i);
      }
      p.decoderBias()
          .setAtIndex(FLOAT, output, (float) (p.decoderBias().getAtIndex(FLOAT, output) - product));
    }
  }

  /** Moves the shift of the input into the encoder bias; the encoder is scaled already. */
  private static void subtractShift(Parameters p, float[] shift) {
    if (shift.length == 0) {
      return;
    }
    for (int feature = 0; feature < p.features(); feature++) {
      double product = 0;
      for (int i = 0; i < shift.length; i++) {
        product +=
            (double) shift[i] * p.encoder().getAtIndex(FLOAT, (long) feature * shift.length + i);
      }
      p.encoderBias()
          .setAtIndex(
              FLOAT, feature, (float) (p.encoderBias().getAtIndex(FLOAT, feature) - product));
    }
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

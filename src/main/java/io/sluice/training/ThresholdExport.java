package io.sluice.training;

import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.WeightRows;
import io.sluice.engine.Engine;
import io.sluice.engine.activation.Gated;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.Thresholds;
import io.sluice.training.run.DivergedException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Exports learned thresholds and gates of an engine into its dictionary. */
final class ThresholdExport {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private ThresholdExport() {}

  /**
   * The dictionary as it is used.
   *
   * @param dictionary rows and biases of the engine in the units of the raw activations; its biases
   *     may be written to
   */
  static DictionarySource of(DictionarySource dictionary, Engine engine) {
    return switch (engine.spec().learned()) {
      case NOTHING -> dictionary;
      case THRESHOLD -> {
        float[] thresholds = read(engine, Learned.LOG_THRESHOLD);
        for (int feature = 0; feature < thresholds.length; feature++) {
          thresholds[feature] = (float) Math.exp(thresholds[feature]);
        }
        yield dictionary.with(
            dictionary.config().withActivation(new JumpReLU(thresholds(thresholds))));
      }
      case GATE -> gated(dictionary, engine);
    };
  }

  /**
   * With encoder rows {@code eʳ·w} and the magnitudes' bias, a gate {@code z + b_gate > 0} is the
   * threshold {@code b_mag − eʳ·b_gate}. What the export has taken off {@code b_gate} (a shift of
   * the input) comes off {@code b_mag} {@code eʳ} times.
   */
  private static DictionarySource gated(DictionarySource dictionary, Engine engine) {
    float[] logScale = read(engine, Learned.LOG_SCALE);
    float[] magnitudeBias = read(engine, Learned.MAGNITUDE_BIAS);
    float[] trainedGate = read(engine, "encoder_bias");
    MemorySegment encoderBias = dictionary.encoderBias();
    int width = dictionary.config().inputWidth();
    float[] thresholds = new float[dictionary.config().features()];
    for (int feature = 0; feature < thresholds.length; feature++) {
      double scale = Math.exp(logScale[feature]);
      double gate = encoderBias.getAtIndex(FLOAT, feature);
      double bias = magnitudeBias[feature] - scale * (trainedGate[feature] - gate);
      thresholds[feature] = (float) (bias - scale * gate);
      encoderBias.setAtIndex(FLOAT, feature, (float) bias);
    }
    WeightRows encoder =
        dictionary
            .encoder()
            .then(
                (first, rows) -> {
                  for (int row = 0; row < rows.byteSize() / Float.BYTES / width; row++) {
                    double scale = Math.exp(logScale[first + row]);
                    for (long at = (long) row * width; at < (long) (row + 1) * width; at++) {
                      rows.setAtIndex(FLOAT, at, (float) (scale * rows.getAtIndex(FLOAT, at)));
                    }
                  }
                });
    return new DictionarySource(
        dictionary.config().withActivation(new Gated(thresholds(thresholds))),
        encoder,
        encoderBias,
        dictionary.decoder(),
        dictionary.decoderBias(),
        dictionary.skip());
  }

  private static Thresholds thresholds(float[] values) {
    try {
      return Thresholds.of(values);
    } catch (IllegalArgumentException e) {
      throw new DivergedException(e.getMessage() + "; try a lower learning rate");
    }
  }

  private static float[] read(Engine engine, String name) {
    try (Arena arena = Arena.ofConfined()) {
      return engine.read(engine.tensor(name), arena).toArray(FLOAT);
    }
  }
}

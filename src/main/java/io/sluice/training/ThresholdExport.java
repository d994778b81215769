package io.sluice.training;

import io.sluice.dictionary.Dictionary;
import io.sluice.engine.Engine;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.Gated;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.StateTensor;
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
   * @param dictionary rows and biases of the engine in the units of the raw activations, whose
   *     memory may be written to
   */
  static Dictionary of(Dictionary dictionary, Engine engine) {
    return switch (engine.spec().learned()) {
      case NOTHING -> dictionary;
      case THRESHOLD -> {
        float[] thresholds = read(engine, Learned.LOG_THRESHOLD);
        for (int feature = 0; feature < thresholds.length; feature++) {
          thresholds[feature] = (float) Math.exp(thresholds[feature]);
        }
        yield with(dictionary, new JumpReLU(thresholds(thresholds)));
      }
      case GATE -> gated(dictionary, engine);
    };
  }

  /**
   * With encoder rows {@code eʳ·w} and the magnitudes' bias, a gate {@code z + b_gate > 0} is the
   * threshold {@code b_mag − eʳ·b_gate}. What the export has taken off {@code b_gate} (a shift of
   * the input) comes off {@code b_mag} {@code eʳ} times.
   */
  private static Dictionary gated(Dictionary dictionary, Engine engine) {
    float[] logScale = read(engine, Learned.LOG_SCALE);
    float[] magnitudeBias = read(engine, Learned.MAGNITUDE_BIAS);
    float[] trainedGate = read(engine, "encoder_bias");
    DictionaryParameters p = dictionary.parameters();
    int width = p.inputWidth();
    float[] thresholds = new float[p.features()];
    for (int feature = 0; feature < thresholds.length; feature++) {
      double scale = Math.exp(logScale[feature]);
      double gate = p.encoderBias().getAtIndex(FLOAT, feature);
      double bias = magnitudeBias[feature] - scale * (trainedGate[feature] - gate);
      thresholds[feature] = (float) (bias - scale * gate);
      p.encoderBias().setAtIndex(FLOAT, feature, (float) bias);
      for (int i = 0; i < width; i++) {
        long at = (long) feature * width + i;
        p.encoder().setAtIndex(FLOAT, at, (float) (scale * p.encoder().getAtIndex(FLOAT, at)));
      }
    }
    return with(dictionary, new Gated(thresholds(thresholds)));
  }

  private static Thresholds thresholds(float[] values) {
    try {
      return Thresholds.of(values);
    } catch (IllegalArgumentException e) {
      throw new DivergedException(e.getMessage() + "; try a lower learning rate");
    }
  }

  private static Dictionary with(Dictionary dictionary, ActivationFunction activation) {
    return new Dictionary(
        dictionary.config().withActivation(activation), dictionary.parameters(), dictionary.skip());
  }

  private static float[] read(Engine engine, String name) {
    for (StateTensor tensor : engine.state()) {
      if (tensor.name().equals(name)) {
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment values = engine.read(tensor, arena);
          return values.toArray(FLOAT);
        }
      }
    }
    throw new IllegalStateException("engine " + engine.name() + " has no " + name);
  }
}

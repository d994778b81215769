package io.sluice.dictionary.formats;

import io.sluice.dictionary.WeightRows;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.Gated;
import io.sluice.engine.activation.Thresholds;
import java.lang.foreign.ValueLayout;

/**
 * Converts gated dictionaries from and to two biases and a scale, as other libraries store them.
 */
final class Gate {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private Gate() {}

  /** Encoder rows multiplied by {@code eʳ}, so that they give the magnitude. */
  static WeightRows magnitude(WeightRows encoder, int width, float[] logScale) {
    return encoder.then(
        (first, rows) -> {
          for (int row = 0; row < rows.byteSize() / Float.BYTES / width; row++) {
            double scale = Math.exp(logScale[first + row]);
            for (long at = (long) row * width; at < (long) (row + 1) * width; at++) {
              rows.setAtIndex(FLOAT, at, (float) (scale * rows.getAtIndex(FLOAT, at)));
            }
          }
        });
  }

  /**
   * The gate {@code z + b_gate > 0} as the threshold {@code b_mag − eʳ·b_gate} on the magnitude.
   */
  static ActivationFunction activation(float[] logScale, float[] gateBias, float[] magnitudeBias) {
    float[] thresholds = new float[gateBias.length];
    for (int feature = 0; feature < thresholds.length; feature++) {
      double scale = Math.exp(logScale[feature]);
      thresholds[feature] = (float) (magnitudeBias[feature] - scale * gateBias[feature]);
    }
    return new Gated(Thresholds.of(thresholds));
  }

  /** The gate's bias if gate and magnitude read the same direction without a scale. */
  static float[] bias(float[] magnitudeBias, Thresholds thresholds) {
    float[] bias = new float[magnitudeBias.length];
    for (int feature = 0; feature < bias.length; feature++) {
      bias[feature] = magnitudeBias[feature] - thresholds.of(feature);
    }
    return bias;
  }
}

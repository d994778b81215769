package io.sluice.dictionary.formats;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.Gated;
import io.sluice.engine.activation.Thresholds;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Converts gated dictionaries from and to two biases and a scale, as other libraries store them.
 */
final class Gate {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private Gate() {}

  /**
   * Multiplies encoder rows by {@code eʳ}, so that they give the magnitude, and converts the gate
   * {@code z + b_gate > 0} to the threshold {@code b_mag − eʳ·b_gate} on it.
   *
   * @param encoder {@code [features, width]}, changed in place
   */
  static ActivationFunction fold(
      MemorySegment encoder, int width, float[] logScale, float[] gateBias, float[] magnitudeBias) {
    float[] thresholds = new float[gateBias.length];
    for (int feature = 0; feature < thresholds.length; feature++) {
      double scale = Math.exp(logScale[feature]);
      thresholds[feature] = (float) (magnitudeBias[feature] - scale * gateBias[feature]);
      for (int i = 0; i < width; i++) {
        long at = (long) feature * width + i;
        encoder.setAtIndex(FLOAT, at, (float) (scale * encoder.getAtIndex(FLOAT, at)));
      }
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

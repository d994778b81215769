package io.sluice.simd.batch;

import java.lang.foreign.MemorySegment;

/**
 * The weights of an encoder.
 *
 * @param rows {@code [features, width]}, float32
 * @param bias one per feature
 * @param factors the score of a feature is its pre-activation times this factor; one per feature,
 *     positive
 * @param features number of features
 * @param width values per row
 */
public record EncoderWeights(
    MemorySegment rows, float[] bias, float[] factors, int features, int width) {
  public EncoderWeights {
    if (features < 0 || width < 1) {
      throw new IllegalArgumentException("weights of " + features + " x " + width);
    }
    if (rows.byteSize() / ((long) width * Float.BYTES) < features
        || bias.length < features
        || factors.length < features) {
      throw new IllegalArgumentException(
          "weights of %d x %d need %d bytes each and as many biases and factors as features, not %d, %d and %d"
              .formatted(
                  features,
                  width,
                  (long) width * Float.BYTES,
                  rows.byteSize(),
                  bias.length,
                  factors.length));
    }
  }
}

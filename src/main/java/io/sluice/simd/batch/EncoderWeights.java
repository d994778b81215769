package io.sluice.simd.batch;

import java.lang.foreign.MemorySegment;

/**
 * The weights of an encoder.
 *
 * @param rows {@code [features, width]}, float32
 * @param bias one per feature
 * @param factors what a pre-activation is multiplied by to give its score, one per feature,
 *     positive; with 1 the score is the value
 * @param features their number
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

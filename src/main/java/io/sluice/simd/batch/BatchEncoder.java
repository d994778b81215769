package io.sluice.simd.batch;

import io.sluice.simd.NonFiniteWeightsException;

/** The superclass of the encoders of batches. Their weights are prepared before they are used. */
public interface BatchEncoder {
  /**
   * Sets the weights, or declares that they have changed. They are read while encoding and must not
   * change before the next call of this.
   *
   * @param moved by feature, whether its row, bias or factor may differ from what the call before
   *     had: only these are measured and rounded again; read during the call only. Null if all may
   *     differ
   * @throws NonFiniteWeightsException if a weight, bias or factor is NaN or infinite, or weights
   *     are so large that their squares are
   * @throws IllegalArgumentException if there are fewer marks than features
   */
  void prepare(EncoderWeights weights, boolean[] moved);

  /** Like {@link #prepare(EncoderWeights, boolean[])} where all rows may have changed. */
  default void prepare(EncoderWeights weights) {
    prepare(weights, null);
  }

  /** The bounds in use: {@code int8}, {@code directions}, both, or {@code none}. */
  String screen();
}

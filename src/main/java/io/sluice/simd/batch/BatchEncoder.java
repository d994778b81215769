package io.sluice.simd.batch;

import io.sluice.simd.NonFiniteWeightsException;

/** The interface of the encoders of batches. Their weights are prepared before they are used. */
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

  /** Prepares rows one at a time while they change; used by one thread. */
  interface Follower {
    /**
     * Measures and rounds a row that has just changed, while it is in the nearest cache.
     *
     * @param feature the row, in the memory of the weights that were prepared last
     * @param bias its bias now
     */
    void follow(int feature, float bias);

    /** Ends its use. */
    void end();
  }

  /**
   * What can prepare single rows of the weights now, so that the next {@link #prepare} need not be
   * told that they moved; null if rows cannot be prepared one at a time. Only where all factors
   * stay 1. Threads have one each, for rows of their own.
   */
  Follower follower();

  /** The bounds in use: {@code int8}, {@code directions}, both, or {@code none}. */
  String screen();
}

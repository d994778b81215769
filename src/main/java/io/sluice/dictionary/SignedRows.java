package io.sluice.dictionary;

import io.sluice.simd.batch.EncoderWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Signed features for an encoder of positive features: every row is followed by its negative, so
 * that the largest of both are the furthest from 0. It takes twice the memory.
 */
final class SignedRows {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private SignedRows() {}

  /** Row {@code 2j} is feature {@code j}, row {@code 2j + 1} its negative. */
  static EncoderWeights mirrored(EncoderWeights weights) {
    int features = weights.features();
    int width = weights.width();
    MemorySegment rows = Arena.ofAuto().allocate(2L * features * width * Float.BYTES, 64);
    float[] bias = new float[Math.multiplyExact(2, features)];
    float[] ranks = new float[2 * features];
    for (int feature = 0; feature < features; feature++) {
      long at = (long) feature * width;
      for (int i = 0; i < width; i++) {
        float weight = weights.rows().getAtIndex(FLOAT, at + i);
        rows.setAtIndex(FLOAT, 2 * at + i, weight);
        rows.setAtIndex(FLOAT, 2 * at + width + i, -weight);
      }
      bias[2 * feature] = weights.bias()[feature];
      bias[2 * feature + 1] = -weights.bias()[feature];
      ranks[2 * feature] = weights.ranks()[feature];
      ranks[2 * feature + 1] = weights.ranks()[feature];
    }
    return new EncoderWeights(rows, bias, ranks, 2 * features, width);
  }

  /** Converts rows of {@link #mirrored}, ascending, to features and signs, in place. */
  static void unfold(int[] features, float[] values, int from, int count) {
    for (int i = from; i < from + count; i++) {
      if ((features[i] & 1) == 1) {
        values[i] = -values[i];
      }
      features[i] >>>= 1;
    }
  }
}

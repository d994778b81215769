package io.sluice.dictionary;

import io.sluice.memory.HugeMemory;
import io.sluice.memory.Workers;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.single.RowEncoder;
import io.sluice.simd.single.RowFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The features furthest from 0, with their signs: every row is followed by its negative, so that
 * the largest of both are the furthest from 0. It takes twice the memory.
 */
record SignedSearch(RowEncoder rows, int most) implements Search {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  SignedSearch(EncoderWeights weights, int k, RowFormat format) {
    this(new RowEncoder(mirrored(weights), new float[2 * weights.features()], format), k);
  }

  /** Row {@code 2j} is feature {@code j}, row {@code 2j + 1} its negative. */
  private static EncoderWeights mirrored(EncoderWeights weights) {
    int features = weights.features();
    int width = weights.width();
    MemorySegment rows = HugeMemory.allocate(2L * features * width * Float.BYTES, Arena.ofAuto());
    float[] bias = new float[Math.multiplyExact(2, features)];
    float[] factors = new float[2 * features];
    for (int feature = 0; feature < features; feature++) {
      long at = (long) feature * width;
      for (int i = 0; i < width; i++) {
        float weight = weights.rows().getAtIndex(FLOAT, at + i);
        rows.setAtIndex(FLOAT, 2 * at + i, weight);
        rows.setAtIndex(FLOAT, 2 * at + width + i, -weight);
      }
      bias[2 * feature] = weights.bias()[feature];
      bias[2 * feature + 1] = -weights.bias()[feature];
      factors[2 * feature] = weights.factors()[feature];
      factors[2 * feature + 1] = weights.factors()[feature];
    }
    return new EncoderWeights(rows, bias, factors, 2 * features, width);
  }

  @Override
  public void encode(
      Work work,
      int count,
      Workers workers,
      int[] features,
      float[] values,
      int at,
      int[] counts,
      int countsAt) {
    rows.encode(work.scratch, count, workers, features, values, at, counts, countsAt);
    for (int v = 0; v < count; v++) {
      unfold(features, values, at + v * work.k, counts[countsAt + v]);
    }
  }

  /** Converts mirrored rows, ascending, to features and signs, in place. */
  private static void unfold(int[] features, float[] values, int from, int count) {
    for (int i = from; i < from + count; i++) {
      if ((features[i] & 1) == 1) {
        values[i] = -values[i];
      }
      features[i] >>>= 1;
    }
  }
}

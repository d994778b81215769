package io.sluice.engine.vector;

import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.ScratchArrays;
import io.sluice.memory.Workers;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.batch.TopKEncoder;
import java.lang.foreign.MemorySegment;

/**
 * A copy of the encoder rows of dead features, so that tokens can be multiplied with these only.
 * Memory grows with the dead features, at most to one more copy of the encoder, and is reused.
 */
final class DeadRows implements AutoCloseable {
  /**
   * Rows are filled up with zeros to a multiple of this, so that what follows from their number
   * seldom changes. A row of zeros is never positive and so never chosen.
   */
  private static final int STEP = 256;

  private final int width;
  private final TopKEncoder encoder;
  private final GrowingMemory memory = GrowingMemory.owned();
  private float[] bias = new float[0];
  private float[] scoreFactors = new float[0];

  DeadRows(Workers workers, EngineSpec spec) {
    width = spec.inputWidth();
    encoder = new TopKEncoder(workers, Int8Units::product);
  }

  /** Copies the rows of {@code count} features and gets the encoder ready for them. */
  void gather(MemorySegment table, float[] biases, float[] factors, int[] features, int count) {
    int padded = Math.ceilDiv(count, STEP) * STEP;
    long rowBytes = (long) width * Float.BYTES;
    MemorySegment rows = memory.of(padded, width);
    bias = ScratchArrays.atLeast(bias, padded);
    scoreFactors = ScratchArrays.atLeast(scoreFactors, padded);
    for (int i = 0; i < count; i++) {
      MemorySegment.copy(table, features[i] * rowBytes, rows, i * rowBytes, rowBytes);
      bias[i] = biases[features[i]];
      scoreFactors[i] = factors[features[i]];
    }
    rows.asSlice(count * rowBytes, (padded - count) * rowBytes).fill((byte) 0);
    for (int i = count; i < padded; i++) {
      bias[i] = 0;
      scoreFactors[i] = 1;
    }
    encoder.prepare(new EncoderWeights(rows, bias, scoreFactors, padded, width));
  }

  /** The encoder over the rows that were gathered last; a feature is its place among them. */
  TopKEncoder encoder() {
    return encoder;
  }

  @Override
  public void close() {
    memory.close();
  }
}

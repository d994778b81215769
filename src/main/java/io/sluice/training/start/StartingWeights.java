package io.sluice.training.start;

import io.sluice.dictionary.Initialiser;
import io.sluice.engine.Engine;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.StateTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Writes initial weights into the memory of an engine, some rows at a time: of a large dictionary
 * there is no room for a second copy.
 */
final class StartingWeights {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** Rows that are drawn or multiplied at a time. */
  private static final int PIECE = 4096;

  private StartingWeights() {}

  /** Initial encoder rows. */
  @FunctionalInterface
  interface EncoderRows {
    /**
     * Makes the next rows.
     *
     * @param decoder the decoder rows of the same features
     * @param encoder overwritten
     */
    void next(MemorySegment decoder, MemorySegment encoder);
  }

  /**
   * Writes all rows, and the decoder bias.
   *
   * @param engine of one dictionary
   */
  static void write(
      Engine engine, Initialiser.UnitRows decoder, EncoderRows encoder, float[] decoderBias) {
    EngineSpec spec = engine.spec();
    StateTensor encoderRows = engine.state().get(0);
    StateTensor decoderRows = engine.state().get(2);
    int most = Math.min(PIECE, spec.features());
    try (Arena arena = Arena.ofShared()) {
      MemorySegment drawn = arena.allocate(most * decoderRows.rowBytes(), 64);
      MemorySegment made = arena.allocate(most * encoderRows.rowBytes(), 64);
      for (int first = 0; first < spec.features(); first += most) {
        long count = Math.min(most, spec.features() - first);
        MemorySegment ofDecoder = drawn.asSlice(0, count * decoderRows.rowBytes());
        MemorySegment ofEncoder = made.asSlice(0, count * encoderRows.rowBytes());
        decoder.next(ofDecoder);
        encoder.next(ofDecoder, ofEncoder);
        engine.write(decoderRows, first, ofDecoder);
        engine.write(encoderRows, first, ofEncoder);
      }
      engine.write(engine.state().get(3), arena.allocateFrom(FLOAT, decoderBias));
    }
  }

  /** Multiplies all rows of encoder and decoder. */
  static void multiply(Engine engine, float factor) {
    multiply(engine, engine.state().get(0), factor);
    multiply(engine, engine.state().get(2), factor);
  }

  private static void multiply(Engine engine, StateTensor tensor, float factor) {
    int most = (int) Math.min(PIECE, tensor.rows());
    try (Arena arena = Arena.ofShared()) {
      MemorySegment scratch = arena.allocate(most * tensor.rowBytes(), 64);
      for (long first = 0; first < tensor.rows(); first += most) {
        long count = Math.min(most, tensor.rows() - first);
        MemorySegment rows = scratch.asSlice(0, count * tensor.rowBytes());
        try (Arena own = Arena.ofShared()) {
          rows.copyFrom(engine.read(tensor, first, count, own));
        }
        for (long i = 0; i < rows.byteSize() / Float.BYTES; i++) {
          rows.setAtIndex(FLOAT, i, factor * rows.getAtIndex(FLOAT, i));
        }
        engine.write(tensor, first, rows);
      }
    }
  }
}

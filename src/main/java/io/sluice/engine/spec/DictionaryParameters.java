package io.sluice.engine.spec;

import io.sluice.memory.HugeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A dictionary's parameters in host memory, float32, feature-major, so that what a feature owns is
 * contiguous. The memory belongs to the code that allocated it.
 *
 * @param inputWidth width of an encoder row
 * @param outputWidth width of a decoder row
 * @param features number of rows, h
 * @param encoder {@code W_E}, {@code [features, inputWidth]}
 * @param encoderBias {@code b_E}, {@code [features]}
 * @param decoder {@code W_D}, {@code [features, outputWidth]}
 * @param decoderBias {@code b_D}, {@code [outputWidth]}
 */
public record DictionaryParameters(
    int inputWidth,
    int outputWidth,
    int features,
    MemorySegment encoder,
    MemorySegment encoderBias,
    MemorySegment decoder,
    MemorySegment decoderBias) {

  public DictionaryParameters {
    requireFloats("encoder", encoder, (long) features * inputWidth);
    requireFloats("encoder bias", encoderBias, features);
    requireFloats("decoder", decoder, (long) features * outputWidth);
    requireFloats("decoder bias", decoderBias, outputWidth);
  }

  /** DictionaryParameters of zeros, in memory of {@code arena}. */
  public static DictionaryParameters allocate(
      Arena arena, int inputWidth, int outputWidth, int features) {
    return new DictionaryParameters(
        inputWidth,
        outputWidth,
        features,
        floats(arena, (long) features * inputWidth),
        floats(arena, features),
        floats(arena, (long) features * outputWidth),
        floats(arena, outputWidth));
  }

  private static MemorySegment floats(Arena arena, long count) {
    return HugeMemory.allocate(count * Float.BYTES, arena);
  }

  private static void requireFloats(String name, MemorySegment memory, long count) {
    if (memory.byteSize() != count * Float.BYTES) {
      throw new IllegalArgumentException(
          name
              + " must hold "
              + count
              + " float32 values ("
              + count * Float.BYTES
              + " bytes), not "
              + memory.byteSize()
              + " bytes");
    }
  }

  /** The layout of one value: float32, native order, at any alignment. */
  public static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
}

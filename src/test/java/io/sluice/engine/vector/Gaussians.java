package io.sluice.engine.vector;

import io.sluice.engine.spec.DictionaryParameters;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/** Tokens and parameters that are drawn at random. */
record Gaussians(Random random, Arena arena) {
  /** Parameters of a dictionary that reads and writes the same width. */
  DictionaryParameters parameters(int width, int features) {
    return new DictionaryParameters(
        width,
        width,
        features,
        values(features * width),
        values(features),
        values(features * width),
        values(width));
  }

  /** Float32 values of standard deviation 0.3. */
  MemorySegment values(int count) {
    MemorySegment memory = arena.allocate((long) count * Float.BYTES, 64);
    for (int i = 0; i < count; i++) {
      memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, 0.3f * (float) random.nextGaussian());
    }
    return memory;
  }
}

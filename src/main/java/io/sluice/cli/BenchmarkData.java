package io.sluice.cli;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/** Numbers for benchmarks. */
final class BenchmarkData {
  private BenchmarkData() {}

  /** {@code count} float32 values, uniform in [−½, ½). */
  static MemorySegment uniform(Arena arena, long count, long seed) {
    MemorySegment data = arena.allocate(Float.BYTES * count, 64);
    SplittableRandom random = new SplittableRandom(seed);
    for (long i = 0; i < count; i++) {
      data.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (random.nextDouble() - 0.5));
    }
    return data;
  }
}

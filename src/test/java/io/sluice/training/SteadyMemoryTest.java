package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.AdamStep;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.EngineSpec;
import io.sluice.engine.Optimiser;
import io.sluice.engine.Parameters;
import io.sluice.engine.Rows;
import io.sluice.engine.Selection;
import io.sluice.testing.NativeMemory;
import io.sluice.torch.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Native memory does not grow from step to step. */
class SteadyMemoryTest {
  @ParameterizedTest
  @CsvSource({"vector, ADAM", "vector, SPARSE_ADAM", "torch, ADAM", "torch, SPARSE_ADAM"})
  void staysFlatOverTenThousandSteps(String kind, Optimiser optimiser) {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
    // The operators here are too small to share between threads.
    int threads = Torch.threads();
    Torch.threads(1);
    EngineSpec spec = new EngineSpec(32, 32, 256, true, true, optimiser);
    try (Arena arena = Arena.ofShared()) {
      Parameters start = Parameters.allocate(arena, 32, 32, 256);
      Random random = new Random(1);
      fill(start.encoder(), random);
      start.decoder().copyFrom(start.encoder());
      MemorySegment memory = arena.allocate(64 * 32 * 4, 64);
      fill(memory, random);
      Rows batch = new Rows(memory, DType.F32, 64, 32);
      try (Engine engine = EngineFactory.named(kind, Device.CPU).open(spec, start)) {
        train(engine, batch, 1, 2000);
        // One leaked 64 x 32 batch a step would be 16 MB in each part.
        int[] step = {2001};
        long growth =
            NativeMemory.leastGrowth(
                4,
                () -> {
                  train(engine, batch, step[0], step[0] + 1999);
                  step[0] += 2000;
                });
        assertThat(growth).isLessThan(4L << 20);
      }
    } finally {
      Torch.threads(threads);
    }
  }

  private static void train(Engine engine, Rows batch, int from, int to) {
    for (int step = from; step <= to; step++) {
      engine.encode(batch, new Selection.TopK(8));
      engine.decode(batch, true);
      engine.markFired(step);
      engine.accumulate();
      engine.update(new AdamStep(step, 1e-4, 0.9, 0.999, 1e-8));
    }
  }

  private static void fill(MemorySegment memory, Random random) {
    for (long i = 0; i < memory.byteSize() / Float.BYTES; i++) {
      memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (0.3 * random.nextGaussian()));
    }
  }
}

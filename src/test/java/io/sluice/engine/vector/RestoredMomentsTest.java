package io.sluice.engine.vector;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Adam moves a feature that fired before a restart, and not since, as without the restart. */
class RestoredMomentsTest {
  private static final int WIDTH = 24;
  private static final int FEATURES = 600;
  private static final int BATCH = 16;

  @ParameterizedTest
  @EnumSource(value = Optimiser.class, names = "NONE", mode = EnumSource.Mode.EXCLUDE)
  void anEngineThatContinuesFromAStateEndsWithTheSameBits(Optimiser optimiser) {
    Random random = new Random(Seeds.seed());
    EngineSpec spec = new EngineSpec(WIDTH, WIDTH, FEATURES, false, false, optimiser);
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2);
        Engine whole = EngineFactory.vector(workers).open(spec, parameters(random, arena));
        Engine continued = EngineFactory.vector(workers).open(spec, parameters(random, arena))) {
      for (int step = 1; step <= 3; step++) {
        train(step, gaussians(random, arena, BATCH * WIDTH), whole);
      }
      for (StateTensor tensor : whole.state()) {
        continued.write(tensor, whole.read(tensor, arena));
      }
      for (int step = 4; step <= 6; step++) {
        train(step, gaussians(random, arena, BATCH * WIDTH), whole, continued);
      }
      for (StateTensor tensor : whole.state()) {
        assertThat(continued.read(tensor, arena).mismatch(whole.read(tensor, arena)))
            .as(tensor.name())
            .isEqualTo(-1);
      }
    }
  }

  private static void train(int step, MemorySegment tokens, Engine... engines) {
    for (Engine engine : engines) {
      engine.encode(new Rows(tokens, DType.F32, BATCH, WIDTH), new TopK(3));
      engine.decode(new Rows(tokens, DType.F32, BATCH, WIDTH), true);
      engine.accumulate();
      engine.update(new AdamStep(step, 0.01, 0.9, 0.999, 1e-8));
    }
  }

  private static DictionaryParameters parameters(Random random, Arena arena) {
    return new DictionaryParameters(
        WIDTH,
        WIDTH,
        FEATURES,
        gaussians(random, arena, FEATURES * WIDTH),
        gaussians(random, arena, FEATURES),
        gaussians(random, arena, FEATURES * WIDTH),
        gaussians(random, arena, WIDTH));
  }

  private static MemorySegment gaussians(Random random, Arena arena, int count) {
    MemorySegment memory = arena.allocate((long) count * Float.BYTES, 64);
    for (int i = 0; i < count; i++) {
      memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, 0.3f * (float) random.nextGaussian());
    }
    return memory;
  }
}

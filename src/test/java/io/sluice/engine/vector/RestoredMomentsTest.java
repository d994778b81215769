package io.sluice.engine.vector;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
    EngineSpec spec = new EngineSpec(WIDTH, WIDTH, FEATURES, false, false, optimiser);
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      Gaussians gaussians = new Gaussians(new Random(Seeds.seed()), arena);
      try (Engine whole =
              EngineFactory.vector(workers).open(spec, gaussians.parameters(WIDTH, FEATURES));
          Engine continued =
              EngineFactory.vector(workers).open(spec, gaussians.parameters(WIDTH, FEATURES))) {
        for (int step = 1; step <= 3; step++) {
          train(step, gaussians.values(BATCH * WIDTH), whole);
        }
        for (StateTensor tensor : whole.state()) {
          continued.write(tensor, whole.read(tensor, arena));
        }
        for (int step = 4; step <= 6; step++) {
          train(step, gaussians.values(BATCH * WIDTH), whole, continued);
        }
        for (StateTensor tensor : whole.state()) {
          assertThat(continued.read(tensor, arena).mismatch(whole.read(tensor, arena)))
              .as(tensor.name())
              .isEqualTo(-1);
        }
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
}

package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.CrossLayerEngine;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.SkipConnection;
import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.LearnedGated;
import io.sluice.engine.activation.LearnedJumpReLU;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.Penalty;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.testing.NativeMemory;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.ObjIntConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Native memory does not grow from step to step. */
@Tag("slow")
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
      DictionaryParameters start = DictionaryParameters.allocate(arena, 32, 32, 256);
      Random random = new Random(1);
      fill(start.encoder(), random);
      start.decoder().copyFrom(start.encoder());
      MemorySegment memory = arena.allocate(64 * 32 * 4, 64);
      fill(memory, random);
      Rows batch = new Rows(memory, DType.F32, 64, 32);
      try (Engine engine = EngineFactory.named(kind, Device.CPU).open(spec, start)) {
        train(engine, batch, 1, 2000);
        // Ten thousand steps in five parts; one leaked 64 x 32 batch a step would be 16 MB in each.
        long limit = 4L << 20;
        int[] step = {2001};
        long growth =
            NativeMemory.growth(
                limit,
                () -> {
                  train(engine, batch, step[0], step[0] + 1999);
                  step[0] += 2000;
                });
        assertThat(growth).isLessThan(limit);
      }
    } finally {
      Torch.threads(threads);
    }
  }

  /** What else there is to learn by: a selection, and what is added to the loss. */
  private enum Recipe {
    ABSTOPK(new AbsTopK(8)),
    BATCHTOPK(new BatchTopK(8)),
    NESTED(new TopK(8)),
    AUXK(new TopK(1)),
    RELU(new ReLU()),
    JUMPRELU(new LearnedJumpReLU(0.1)),
    GATED(new LearnedGated()),
    PURSUIT(new Pursuit(3, 0.1)),
    CROSSCODER(new TopK(8)),
    SKIP(new TopK(8)),
    CROSS_LAYER(new TopK(8));

    private final ActivationFunction selection;

    Recipe(ActivationFunction selection) {
      this.selection = selection;
    }

    Engine open(EngineFactory engines, DictionaryParameters start) {
      EngineSpec plain = new EngineSpec(32, 32, 256, false, false, Optimiser.ADAM);
      return switch (this) {
        case NESTED -> engines.open(plain.nested(List.of(32, 256)), start);
        case JUMPRELU -> engines.open(plain.with(Learned.THRESHOLD), start);
        case GATED -> engines.open(plain.with(Learned.GATE), start);
        case CROSSCODER -> engines.open(plain.writing(List.of(16, 16)), start);
        case SKIP -> SkipConnection.around(engines.open(plain, start), null);
        case CROSS_LAYER -> crossLayer(engines, start);
        default -> engines.open(plain, start);
      };
    }

    /** Both layers read half of the input, and write both halves of the output, or the second. */
    private static Engine crossLayer(EngineFactory engines, DictionaryParameters start) {
      List<Engine> layers = new ArrayList<>();
      for (int writes : new int[] {32, 16}) {
        EngineSpec spec =
            new EngineSpec(16, writes, 128, false, false, Optimiser.ADAM)
                .writing(writes == 32 ? List.of(16, 16) : List.of(16));
        layers.add(
            engines.open(
                spec,
                new DictionaryParameters(
                    16,
                    writes,
                    128,
                    start.encoder().asSlice(0, 16 * 128 * 4),
                    start.encoderBias().asSlice(0, 128 * 4),
                    start.decoder().asSlice(0, 128L * writes * 4),
                    start.decoderBias().asSlice(0, 4L * writes))));
      }
      return new CrossLayerEngine(layers, List.of(16, 16));
    }

    void add(Engine engine, int step) {
      switch (this) {
        case AUXK ->
            assertThat(engine.addDeadFeatureLoss(4, 0.03, step - 1).getAsDouble()).isPositive();
        case GATED -> engine.penalise(0.1);
        case RELU -> engine.penalise(new Penalty.Power(0.5), 0.1);
        case JUMPRELU -> engine.penalise(new Penalty.Count(), 0.1);
        default -> {}
      }
    }
  }

  static Stream<Arguments> recipes() {
    return Stream.of("vector", "torch")
        .flatMap(kind -> Stream.of(Recipe.values()).map(recipe -> Arguments.of(kind, recipe)));
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void everyLossAndKindStaysFlat(String kind, Recipe recipe) {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
    int threads = Torch.threads();
    Torch.threads(1);
    try (Arena arena = Arena.ofShared()) {
      DictionaryParameters start = DictionaryParameters.allocate(arena, 32, 32, 256);
      Random random = new Random(1);
      fill(start.encoder(), random);
      start.decoder().copyFrom(start.encoder());
      MemorySegment memory = arena.allocate(256 * 32 * 4, 64);
      fill(memory, random);
      Rows batch = new Rows(memory, DType.F32, 256, 32);
      try (Engine engine = recipe.open(EngineFactory.named(kind, Device.CPU), start)) {
        train(engine, batch, recipe.selection, recipe::add, 1, 50);
        // One leaked 256 x 32 batch a step would be 3.3 MB in each part.
        long limit = 2L << 20;
        int[] step = {51};
        long growth =
            NativeMemory.growth(
                limit,
                () -> {
                  train(engine, batch, recipe.selection, recipe::add, step[0], step[0] + 99);
                  step[0] += 100;
                });
        assertThat(growth).isLessThan(limit);
      }
    } finally {
      Torch.threads(threads);
    }
  }

  private static void train(Engine engine, Rows batch, int from, int to) {
    train(engine, batch, new TopK(8), (same, step) -> {}, from, to);
  }

  private static void train(
      Engine engine,
      Rows batch,
      ActivationFunction selection,
      ObjIntConsumer<Engine> loss,
      int from,
      int to) {
    for (int step = from; step <= to; step++) {
      engine.encode(batch, selection);
      engine.decode(batch, true);
      loss.accept(engine, step);
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

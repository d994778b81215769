package io.sluice.engine.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.engine.CheckedEngine;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.engine.torch.ScreenInputs.Inputs;
import io.sluice.engine.torch.TorchScreens.Screening;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Screening in bfloat16 changes no feature and no bit of a value. */
@Tag("slow")
@Tag("cuda")
class TorchSelectionTest {
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));

  private final long seed = Seeds.seed();
  private final Random random = new Random(seed);
  private final Arena arena = Arena.ofShared();
  private final ScreenInputs made = new ScreenInputs(random, arena);

  private static Engine open(EngineSpec spec, DictionaryParameters start, Screening screening) {
    return new CheckedEngine(
        spec, start, (s, initial) -> new TorchArithmetic(s, initial, DEVICE, screening));
  }

  @BeforeEach
  void needsLibTorch() {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
  }

  @AfterEach
  void free() {
    arena.close();
  }

  @ParameterizedTest
  @EnumSource(Inputs.class)
  void screeningKeepsWhatFloat32Keeps(Inputs inputs) {
    for (int round = 0; round < 6; round++) {
      Screening screening = round % 2 == 0 ? Screening.BFLOAT16 : Screening.TENSOR_FLOAT32;
      int width = 8 + random.nextInt(90);
      int k = 1 + random.nextInt(12);
      int features = 16 * k + random.nextInt(3000);
      int rows = 1 + random.nextInt(200);
      boolean byNorm = random.nextBoolean();
      boolean centred = random.nextBoolean();
      EngineSpec spec = new EngineSpec(width, width, features, centred, byNorm, Optimiser.ADAM);
      DictionaryParameters start = made.weights(inputs, width, features);
      Rows tokens = made.tokens(inputs, rows, width);
      try (Engine plain = open(spec, start, Screening.FLOAT32);
          Engine screened = open(spec, start, screening)) {
        String of =
            "seed %d, %s, %s, %d rows, width %d, %d features, k %d"
                .formatted(seed, screening, inputs, rows, width, features, k);
        // Gradients of some numbers leave float32, and of equal features any may learn.
        boolean once =
            inputs == Inputs.HUGE_AND_TINY
                || inputs == Inputs.GIANT_COORDINATE
                || inputs == Inputs.EQUAL_ROWS;
        for (int step = 1; step <= (once ? 1 : 3); step++) {
          ActivationFunction selection = step == 2 ? new BatchTopK(k) : new TopK(k);
          train(plain, tokens, selection, step);
          train(screened, tokens, selection, step);
          assertThat(screened.leastScore()).as(of).isEqualTo(plain.leastScore());
          assertSame(plain.codes(), screened.codes(), inputs == Inputs.EQUAL_ROWS, of);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "ADAM, BFLOAT16",
    "ADAM, TENSOR_FLOAT32",
    "SPARSE_ADAM, BFLOAT16",
    "SPARSE_ADAM, TENSOR_FLOAT32",
    "SPARSE_ADAM, FASTEST"
  })
  void screenFollowsTheOptimiser(Optimiser optimiser, Screening screening) {
    EngineSpec spec = new EngineSpec(24, 24, 900, true, true, optimiser);
    DictionaryParameters start = made.weights(Inputs.LOW_RANK, 24, 900);
    try (Engine plain = open(spec, start, Screening.FLOAT32);
        Engine screened = open(spec, start, screening)) {
      for (int step = 1; step <= 12; step++) {
        Rows tokens = made.tokens(Inputs.LOW_RANK, 64, 24);
        ActivationFunction selection = step % 2 == 0 ? new BatchTopK(5) : new TopK(5);
        train(plain, tokens, selection, step);
        train(screened, tokens, selection, step);
        assertSame(plain.codes(), screened.codes(), false, "seed " + seed + ", step " + step);
      }
      for (StateTensor tensor : plain.state()) {
        assertThat(plain.read(tensor, arena).mismatch(screened.read(tensor, arena)))
            .as("%s, seed %d", tensor.name(), seed)
            .isEqualTo(-1);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Screening.class,
      names = {"FLOAT32", "BFLOAT16", "TENSOR_FLOAT32"})
  void boundIsNeverBelowTheActivation(Screening screening) {
    for (Inputs inputs : Inputs.values()) {
      int width = 4 + random.nextInt(60);
      int features = 300;
      int rows = 40;
      DictionaryParameters weights = made.weights(inputs, width, features);
      Rows tokens = made.tokens(inputs, rows, width);
      float[] bounds;
      try (DeviceIntegers numbers = new DeviceIntegers(DEVICE);
          TensorScope scope = TensorScope.open()) {
        TorchScreen screen =
            screening == Screening.BFLOAT16
                ? new Bfloat16Screen(features, width, DEVICE, numbers)
                : new TensorFloat32Screen(
                    features, width, DEVICE, numbers, screening == Screening.FLOAT32);
        Tensor encoder = on(Tensor.of(weights.encoder(), DType.F32, features, width));
        Tensor bias = on(Tensor.of(weights.encoderBias(), DType.F32, features));
        screen.refresh(encoder, bias, null, 77);
        Tensor seen = on(Tensor.of(tokens.memory(), DType.F32, rows, width));
        bounds = screen.bounds(screen.tokens(seen)).toFloats();
        screen.close();
      }
      for (int i = 0; i < bounds.length; i++) {
        int row = i / features;
        int feature = i % features;
        double exact = at(weights.encoderBias(), feature);
        for (int j = 0; j < width; j++) {
          exact +=
              (double) at(tokens.memory(), row * width + j)
                  * at(weights.encoder(), feature * width + j);
        }
        assertThat((double) bounds[i])
            .as("%s, row %d, feature %d, seed %d", inputs, row, feature, seed)
            .isGreaterThanOrEqualTo(exact);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Inputs.class,
      names = {"GAUSSIAN", "LOW_RANK", "ZEROS", "GIANT_COORDINATE", "BIASES"})
  void largestOfTheBatchAreThoseOfTheReference(Inputs inputs) {
    int width = 16;
    int k = 3;
    int features = 400;
    EngineSpec spec =
        new EngineSpec(width, width, features, false, random.nextBoolean(), Optimiser.NONE);
    DictionaryParameters start = made.weights(inputs, width, features);
    Rows tokens = made.tokens(inputs, 70, width);
    try (Engine reference = EngineFactory.reference().open(spec, start);
        Engine screened = open(spec, start, Screening.TENSOR_FLOAT32)) {
      reference.encode(tokens, new BatchTopK(k));
      screened.encode(tokens, new BatchTopK(k));
      assertThat(screened.leastScore())
          .as("%s, seed %d", inputs, seed)
          .isCloseTo(reference.leastScore(), within(1e-5f * reference.leastScore()));
      assertThat(screened.codeCount()).isEqualTo(reference.codeCount());
      for (int row = 0; row < 70; row++) {
        assertThat(row(screened.codes(), row).keySet())
            .as("%s, row %d, seed %d", inputs, row, seed)
            .isEqualTo(row(reference.codes(), row).keySet());
      }
    }
  }

  @Test
  void whatIsNoNumberIsNamed() {
    EngineSpec spec = new EngineSpec(8, 8, 600, false, false, Optimiser.ADAM);
    DictionaryParameters start = made.weights(Inputs.GAUSSIAN, 8, 600);
    start.encoder().setAtIndex(ValueLayout.JAVA_FLOAT, 8 * 321 + 3, Float.NaN);
    try (Engine engine = open(spec, start, Screening.BFLOAT16)) {
      assertThatThrownBy(() -> engine.encode(made.tokens(Inputs.GAUSSIAN, 20, 8), new TopK(4)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("feature 321 has activation NaN");
    }
  }

  @Test
  void countsCodesWithoutCopyingThem() {
    EngineSpec spec = new EngineSpec(16, 16, 700, false, false, Optimiser.ADAM);
    try (Engine engine = open(spec, made.weights(Inputs.GAUSSIAN, 16, 700), Screening.BFLOAT16)) {
      engine.encode(made.tokens(Inputs.GAUSSIAN, 30, 16), new TopK(6));
      int count = engine.codeCount();
      assertThat(count).isPositive().isEqualTo(engine.codes().entries());
      engine.encode(made.tokens(Inputs.ZEROS, 30, 16), new TopK(6));
      assertThat(engine.codeCount()).isEqualTo(engine.codes().entries());
    }
  }

  private static Tensor on(Tensor host) {
    return DEVICE.isCuda() ? host.to(DEVICE) : host;
  }

  private static void train(Engine engine, Rows tokens, ActivationFunction selection, long step) {
    engine.encode(tokens, selection);
    engine.decode(tokens, true);
    engine.markFired(step);
    engine.accumulate();
    engine.update(new AdamStep(step, 1e-3, 0.9, 0.999, 1e-8));
  }

  private static void assertSame(Codes expected, Codes actual, boolean ties, String of) {
    assertThat(actual.rows()).as(of).isEqualTo(expected.rows());
    for (int row = 0; row < expected.rows(); row++) {
      TreeMap<Integer, Float> a = row(expected, row);
      TreeMap<Integer, Float> b = row(actual, row);
      if (ties) {
        // Which of several equal features is kept is not said.
        assertThat(b.values().stream().sorted())
            .as(of)
            .containsExactly(a.values().stream().sorted().toArray(Float[]::new));
      } else {
        assertThat(b).as(of + ", row " + row).isEqualTo(a);
      }
    }
  }

  private static TreeMap<Integer, Float> row(Codes codes, int row) {
    TreeMap<Integer, Float> found = new TreeMap<>();
    for (int entry = codes.offset(row); entry < codes.offset(row + 1); entry++) {
      found.put(codes.feature(entry), codes.value(entry));
    }
    return found;
  }

  private static float at(MemorySegment memory, int index) {
    return memory.getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }
}

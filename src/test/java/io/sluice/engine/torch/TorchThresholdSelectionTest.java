package io.sluice.engine.torch;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.CheckedEngine;
import io.sluice.engine.Engine;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.LearnedGated;
import io.sluice.engine.activation.LearnedJumpReLU;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.engine.torch.ScreenInputs.Inputs;
import io.sluice.engine.torch.TorchScreens.Screening;
import io.sluice.engine.torch.transfer.HostScratch;
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
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Bounds in low precision change no code above thresholds and no bit of a value. */
@Tag("slow")
@Tag("cuda")
class TorchThresholdSelectionTest {
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));

  private final long seed = Seeds.seed();
  private final Random random = new Random(seed);
  private final Arena arena = Arena.ofShared();
  private final ScreenInputs made = new ScreenInputs(random, arena);

  @BeforeEach
  void needsLibTorch() {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
  }

  @AfterEach
  void free() {
    arena.close();
  }

  /** One encoder and one batch, on the device. */
  private final class Encoder implements AutoCloseable {
    private final TensorScope scope = TensorScope.open();
    private final DeviceIntegers numbers = new DeviceIntegers(DEVICE);
    private final HostScratch scratch = new HostScratch();
    private final EngineSpec spec;
    private final Tensor weights;
    private final Tensor bias;
    private final Tensor seen;

    Encoder(DictionaryParameters from, Rows tokens) {
      spec =
          new EngineSpec(
              tokens.width(), tokens.width(), from.features(), false, false, Optimiser.NONE);
      weights =
          Tensor.of(from.encoder(), DType.F32, from.features(), tokens.width()).to(DEVICE).copy();
      bias = Tensor.of(from.encoderBias(), DType.F32, from.features()).to(DEVICE).copy();
      seen =
          Tensor.of(tokens.memory(), DType.F32, tokens.count(), tokens.width()).to(DEVICE).copy();
    }

    /** The pre-activations of all pairs, each by a dot product. */
    float[] all() {
      int features = spec.features();
      Tensor places = numbers.upTo(seen.size(0) * features).copy();
      TorchEntries.Places pairs = TorchEntries.Places.of(places, features);
      return TorchEntries.products(seen, pairs.tokens(), pairs.features(), weights, bias, numbers)
          .toFloats();
    }

    TorchThresholdSelection selection(TorchScreens screens, int chunkRows) {
      return new TorchThresholdSelection(
          spec,
          weights,
          bias,
          numbers,
          new EncoderProduct(weights, bias, DType.F32),
          screens,
          chunkRows);
    }

    TorchScreens screens(Screening screening) {
      return new TorchScreens(spec, DEVICE, weights, bias, numbers, screening);
    }

    @Override
    public void close() {
      scratch.close();
      numbers.close();
      scope.close();
    }
  }

  @ParameterizedTest
  @EnumSource(Inputs.class)
  void keepsAllPairsWhoseDotProductIsAbove(Inputs inputs) {
    for (int round = 0; round < 4; round++) {
      int width = 4 + random.nextInt(60);
      int features = 1 + random.nextInt(900);
      int rows = 1 + random.nextInt(60);
      boolean byNorm = random.nextBoolean();
      DictionaryParameters parameters = made.weights(inputs, width, features);
      try (Encoder of = new Encoder(parameters, made.tokens(inputs, rows, width));
          Codes found = new Codes()) {
        float[] values = of.all();
        float[] factors = new float[features];
        float[] thresholds = new float[features];
        for (int feature = 0; feature < features; feature++) {
          factors[feature] = byNorm ? (float) Math.exp(random.nextGaussian()) : 1;
          // At a value itself, just below one, at 0, above most.
          float score = values[random.nextInt(rows) * features + feature] * factors[feature];
          thresholds[feature] =
              switch (random.nextInt(5)) {
                case 0 -> score;
                case 1 -> Math.nextDown(score);
                case 2 -> 0;
                case 3 -> 2 * Math.abs(score);
                default -> (float) random.nextGaussian();
              };
        }
        Tensor norms = byNorm ? Tensor.ofFloats(factors, features).to(DEVICE) : null;
        for (Screening screening :
            List.of(Screening.FLOAT32, Screening.BFLOAT16, Screening.TENSOR_FLOAT32)) {
          try (TorchScreens screens = of.screens(screening)) {
            TorchThresholdSelection selection = of.selection(screens, 1 + random.nextInt(rows));
            selection
                .keepAbove(
                    of.seen, Tensor.ofFloats(thresholds, features).to(DEVICE), norms, 50, of.scope)
                .copyTo(found, of.scratch);
          }
          int entry = 0;
          for (int row = 0; row < rows; row++) {
            assertThat(found.offset(row)).isEqualTo(entry);
            for (int feature = 0; feature < features; feature++) {
              float value = values[row * features + feature];
              if (value * factors[feature] > thresholds[feature]) {
                String which =
                    "seed %d, %s, %s, row %d, feature %d"
                        .formatted(seed, screening, inputs, row, feature);
                assertThat(entry).as(which).isLessThan(found.entries());
                assertThat(found.feature(entry)).as(which).isEqualTo(feature);
                assertThat(Float.floatToIntBits(found.value(entry++)))
                    .as(which)
                    .isEqualTo(Float.floatToIntBits(value));
              }
            }
          }
          assertThat(found.entries()).isEqualTo(entry);
        }
      }
    }
  }

  @ParameterizedTest(name = "{0}, {1}, norms {2}")
  @CsvSource({
    "ADAM, BFLOAT16, false",
    "ADAM, TENSOR_FLOAT32, true",
    "SPARSE_ADAM, BFLOAT16, true",
    "SPARSE_ADAM, TENSOR_FLOAT32, false"
  })
  void trainingEndsInTheSameBits(Optimiser optimiser, Screening screening, boolean byNorm) {
    int width = 40;
    int features = 1500;
    float[] each = new float[features];
    for (int feature = 0; feature < features; feature++) {
      each[feature] = 15 * random.nextFloat();
    }
    for (ActivationFunction activation :
        List.of(
            new ReLU(),
            new JumpReLU(Thresholds.of(each)),
            new LearnedJumpReLU(0.4),
            new LearnedGated())) {
      EngineSpec spec =
          new EngineSpec(
                  width,
                  width,
                  features,
                  true,
                  byNorm && activation.learned() == Learned.NOTHING,
                  optimiser)
              .with(activation.learned());
      DictionaryParameters start = made.weights(Inputs.BIASES, width, features);
      try (Engine plain = open(spec, start, Screening.FLOAT32);
          Engine screened = open(spec, start, screening)) {
        for (int step = 1; step <= 5; step++) {
          Rows tokens = made.tokens(Inputs.GAUSSIAN, 1 + random.nextInt(80), width);
          for (Engine engine : List.of(plain, screened)) {
            engine.encode(tokens, activation);
            engine.decode(tokens, true);
            engine.markFired(step);
            engine.accumulate();
            engine.update(new AdamStep(step, 1e-2, 0.9, 0.99, 1e-8));
          }
          assertThat(screened.codeCount()).isEqualTo(plain.codeCount()).isPositive();
        }
        for (StateTensor tensor : plain.state()) {
          assertThat(screened.read(tensor, arena).mismatch(plain.read(tensor, arena)))
              .as("%s, first differing byte of %s, seed %d", activation, tensor.name(), seed)
              .isEqualTo(-1);
        }
      }
    }
  }

  private static Engine open(EngineSpec spec, DictionaryParameters start, Screening screening) {
    return new CheckedEngine(
        spec, start, (s, initial) -> new TorchArithmetic(s, initial, DEVICE, screening));
  }

  @Test
  void boundsThatLetTooManyPairsPassAreGivenUpForAWhile() {
    int width = 32;
    int features = 400;
    DictionaryParameters parameters = DictionaryParameters.allocate(arena, width, width, features);
    MemorySegment memory = arena.allocate(20L * width * Float.BYTES, 64);
    fill(parameters.encoder());
    fill(memory);
    try (Encoder of = new Encoder(parameters, new Rows(memory, DType.F32, 20, width));
        TorchScreens screens = of.screens(Screening.BFLOAT16)) {
      TorchThresholdSelection selection = of.selection(screens, 7);
      // Each product is 32 · 1.003 · 1.003 = 32.1923, and its bound in bfloat16 32.195.
      Tensor close = Tensor.full(32.193f, DType.F32, DEVICE, features);
      Tensor far = Tensor.full(50, DType.F32, DEVICE, features);
      for (int batch = 0; batch < 17; batch++) {
        assertThat(selection.keepAbove(of.seen, close, null, 64, of.scope).entries()).isZero();
        assertThat(selection.rest()).isEqualTo(16 - batch);
      }
      selection.keepAbove(of.seen, close, null, 64, of.scope);
      assertThat(selection.rest()).isEqualTo(32);
      for (int batch = 0; batch < 32; batch++) {
        selection.keepAbove(of.seen, close, null, 64, of.scope);
      }
      assertThat(selection.rest()).isZero();
      assertThat(selection.keepAbove(of.seen, far, null, 64, of.scope).entries()).isZero();
      assertThat(selection.rest()).isZero();
      selection.keepAbove(of.seen, close, null, 64, of.scope);
      assertThat(selection.rest()).isEqualTo(16);
    }
  }

  private static void fill(MemorySegment memory) {
    for (long i = 0; i < memory.byteSize() / Float.BYTES; i++) {
      memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1.003f);
    }
  }
}

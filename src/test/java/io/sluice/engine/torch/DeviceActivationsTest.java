package io.sluice.engine.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.engine.CheckedEngine;
import io.sluice.engine.Engine;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.LearnedGated;
import io.sluice.engine.activation.LearnedJumpReLU;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.Penalty;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Thresholds, gates and penalties on the device give what they give on codes in host memory, and no
 * code comes to host memory for them.
 */
@Tag("cuda")
@Tag("slow")
class DeviceActivationsTest {
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  /** What brings codes, or one number for each of them, to host memory. */
  private static final Set<String> ON_HOST =
      Set.of(
          "encodeAbove",
          "encodeAmong",
          "codeGradients",
          "setCodeGradients",
          "residualProducts",
          "auxiliaryGradients",
          "readCentred",
          "bestFeatures",
          "readDecoderRows",
          "readReconstructionGradient",
          "updateDecoder",
          "readDecoderNorms",
          "readEncoderBias");

  private static final int WIDTH = 14;
  private static final int FEATURES = 120;

  private final long seed = Seeds.seed();
  private final Random random = new Random(seed);
  private final Arena arena = Arena.ofShared();

  @BeforeEach
  void needsLibTorch() {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
  }

  @AfterEach
  void free() {
    arena.close();
  }

  private record Case(
      ActivationFunction activation, Penalty penalty, Optimiser optimiser, boolean byNorm) {}

  static Stream<Arguments> cases() {
    Penalty linear = new Penalty.Linear();
    return Stream.of(
            new Case(new ReLU(), linear, Optimiser.ADAM, false),
            new Case(new ReLU(), null, Optimiser.SPARSE_ADAM, true),
            new Case(new ReLU(), new Penalty.Tanh(2), Optimiser.SPARSE_ADAM, false),
            new Case(new ReLU(), new Penalty.Power(0.5), Optimiser.ADAM, false),
            new Case(new JumpReLU(Thresholds.uniform(0.3f)), linear, Optimiser.ADAM, true),
            new Case(new JumpReLU(Thresholds.uniform(1e9f)), linear, Optimiser.ADAM, false),
            new Case(new LearnedJumpReLU(0.4), new Penalty.Count(), Optimiser.ADAM, false),
            new Case(new LearnedJumpReLU(0.4), linear, Optimiser.SPARSE_ADAM, false),
            new Case(new LearnedJumpReLU(0.4), new Penalty.Tanh(2), Optimiser.ADAM, false),
            new Case(new LearnedGated(), linear, Optimiser.ADAM, false),
            new Case(new LearnedGated(), null, Optimiser.SPARSE_ADAM, false),
            new Case(new LearnedGated(), new Penalty.Power(0.7), Optimiser.SPARSE_ADAM, false),
            new Case(new TopK(5), linear, Optimiser.ADAM, false))
        .map(Arguments::of);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void sameAsOnTheHost(Case of) {
    for (boolean several : new boolean[] {false, true}) {
      EngineSpec spec = spec(of);
      if (several) {
        spec = spec.writing(List.of(5, WIDTH - 5));
      }
      double[] differences = new double[1];
      try (Engine device = open(spec, true);
          Engine host = open(spec, false)) {
        startAlike(device, host);
        for (int step = 1; step <= 6; step++) {
          // On a GPU sums of more than 128 terms are in another order.
          Rows tokens = tokens(1 + random.nextInt(DEVICE.isCuda() ? 100 : 300));
          double[] ofDevice = train(device, tokens, of, step);
          double[] ofHost = train(host, tokens, of, step);
          for (int i = 0; i < ofHost.length; i++) {
            assertThat(ofDevice[i])
                .as("step %d, seed %d", step, seed)
                .isCloseTo(ofHost[i], within(1e-6 * Math.abs(ofHost[i]) + 1e-9));
          }
        }
        boolean exact =
            of.penalty == null
                || of.penalty instanceof Penalty.Linear
                || of.penalty instanceof Penalty.Count;
        for (StateTensor tensor : host.state()) {
          MemorySegment expected = host.read(tensor, arena);
          MemorySegment found = device.read(tensor, arena);
          if (exact && !DEVICE.isCuda()) {
            assertThat(found.mismatch(expected))
                .as("first differing byte of %s, seed %d", tensor.name(), seed)
                .isEqualTo(-1);
          } else if (tensor.dtype() == DType.F32) {
            for (long i = 0; i < tensor.bytes() / Float.BYTES; i++) {
              float number = expected.getAtIndex(FLOAT, i);
              assertThat(found.getAtIndex(FLOAT, i))
                  .as("%s, seed %d", tensor.name(), seed)
                  .isCloseTo(number, within(1e-4f * Math.abs(number) + 1e-5f));
            }
          }
        }
      }
    }
  }

  private double[] train(Engine engine, Rows tokens, Case of, int step) {
    engine.encode(tokens, of.activation);
    double error = engine.decode(tokens, true);
    double charged = of.penalty == null ? 0 : engine.charge(of.penalty);
    double added = of.penalty == null ? 0 : engine.penalise(of.penalty, 0.01).getAsDouble();
    engine.markFired(10L * step);
    int count = engine.codeCount();
    engine.accumulate();
    engine.update(new AdamStep(step, 1e-2, 0.9, 0.99, 1e-8));
    return new double[] {error, charged, added, count, engine.firedSince(10L * step - 1)};
  }

  @ParameterizedTest(name = "{0}, centred {1}, residual {2}")
  @CsvSource({"ADAM, true, 0", "SPARSE_ADAM, false, 0.6", "ADAM, false, 100"})
  void matchingPursuitIsThatOfTheHost(Optimiser optimiser, boolean centred, double residual) {
    EngineSpec spec = new EngineSpec(WIDTH, WIDTH, FEATURES, centred, false, optimiser);
    int twice = 0;
    try (Engine device = open(spec, true);
        Engine host = open(spec, false)) {
      for (int step = 1; step <= 6; step++) {
        Rows tokens = tokens(1 + random.nextInt(100));
        // The rows have other lengths than 1, so that features are picked again.
        Case of = new Case(new Pursuit(1 + 3 * (step % 3), residual), null, optimiser, false);
        double[] ofDevice = train(device, tokens, of, step);
        double[] ofHost = train(host, tokens, of, step);
        for (int i = 0; i < ofHost.length; i++) {
          assertThat(ofDevice[i])
              .as("step %d, seed %d", step, seed)
              .isCloseTo(ofHost[i], within(1e-5 * Math.abs(ofHost[i])));
        }
        device.encode(tokens, of.activation);
        host.encode(tokens, of.activation);
        Codes found = device.codes();
        Codes expected = host.codes();
        assertThat(found.offsets().mismatch(expected.offsets())).isEqualTo(-1);
        assertThat(found.features().mismatch(expected.features())).isEqualTo(-1);
        for (int entry = 0; entry < expected.entries(); entry++) {
          float value = expected.value(entry);
          assertThat(found.value(entry)).isCloseTo(value, within(1e-4f * value + 1e-6f));
        }
        twice += tokens.count() * (1 + 3 * (step % 3)) - expected.entries();
      }
      assertThat(twice).as("picks that joined another or were not needed").isPositive();
      for (String name : List.of("decoder", "decoder_bias")) {
        assertClose(device, host, name);
      }
    }
  }

  @Test
  void amountsThatAreNotFiniteAreNamedAsOnTheHost() {
    EngineSpec spec = new EngineSpec(WIDTH, WIDTH, FEATURES, false, false, Optimiser.NONE);
    try (Engine device = open(spec, true);
        Engine host = open(spec, false)) {
      Rows tokens = tokens(20);
      // Of token 6, feature 9 is too large.
      for (int i = 0; i < WIDTH; i++) {
        tokens.memory().setAtIndex(FLOAT, 6L * WIDTH + i, 1e30f);
      }
      for (Engine engine : List.of(device, host)) {
        StateTensor decoder =
            engine.state().stream()
                .filter(each -> each.name().equals("decoder"))
                .findFirst()
                .orElseThrow();
        MemorySegment rows = arena.allocate(decoder.bytes(), 64);
        rows.copyFrom(engine.read(decoder, arena));
        for (int i = 0; i < WIDTH; i++) {
          rows.setAtIndex(FLOAT, 9L * WIDTH + i, 1e10f);
        }
        engine.write(decoder, rows);
        assertThatThrownBy(() -> engine.encode(tokens, new Pursuit(1, 0)))
            .isInstanceOf(IllegalStateException.class)
            .hasMessage(
                "feature 9 has activation Infinity for row 6 of the batch: the input or the weights"
                    + " are not finite");
      }
    }
  }

  private void assertClose(Engine device, Engine host, String name) {
    StateTensor tensor =
        host.state().stream().filter(each -> each.name().equals(name)).findFirst().orElseThrow();
    MemorySegment expected = host.read(tensor, arena);
    MemorySegment found = device.read(tensor, arena);
    for (long i = 0; i < tensor.bytes() / Float.BYTES; i++) {
      float number = expected.getAtIndex(FLOAT, i);
      assertThat(found.getAtIndex(FLOAT, i))
          .as("%s, seed %d", name, seed)
          .isCloseTo(number, within(1e-4f * Math.abs(number) + 1e-5f));
    }
  }

  @Test
  void codesComeToTheHostWhenAskedFor() {
    Case gated = new Case(new LearnedGated(), null, Optimiser.ADAM, false);
    try (Engine device = open(spec(gated), true);
        Engine host = open(spec(gated), false)) {
      startAlike(device, host);
      Rows tokens = tokens(40);
      for (ActivationFunction each : List.of(new LearnedGated(), new ReLU())) {
        device.encode(tokens, each);
        host.encode(tokens, each);
        Codes found = device.codes();
        Codes expected = host.codes();
        assertThat(found.entries()).isPositive().isEqualTo(device.codeCount());
        assertThat(found.offsets().mismatch(expected.offsets())).isEqualTo(-1);
        assertThat(found.features().mismatch(expected.features())).isEqualTo(-1);
        assertThat(found.values().mismatch(expected.values())).isEqualTo(-1);
      }
    }
  }

  private static EngineSpec spec(Case of) {
    EngineSpec spec = new EngineSpec(WIDTH, WIDTH, FEATURES, true, of.byNorm, of.optimiser);
    return spec.with(of.activation.learned());
  }

  private Engine open(EngineSpec spec, boolean onDevice) {
    DictionaryParameters start = DictionaryParameters.allocate(arena, WIDTH, WIDTH, FEATURES);
    Random same = new Random(seed);
    for (MemorySegment memory :
        List.of(start.encoder(), start.encoderBias(), start.decoder(), start.decoderBias())) {
      fill(same, memory);
    }
    return new CheckedEngine(
        spec, start, (s, i) -> only(onDevice, new TorchArithmetic(s, i, DEVICE)));
  }

  /** Forbids to compute with codes in host memory, or on the device. */
  private static Arithmetic only(boolean onDevice, Arithmetic inner) {
    return (Arithmetic)
        Proxy.newProxyInstance(
            Arithmetic.class.getClassLoader(),
            new Class<?>[] {Arithmetic.class},
            (proxy, method, arguments) -> {
              if (!onDevice && Set.of("activations", "pursuit").contains(method.getName())) {
                return null;
              }
              if (onDevice && ON_HOST.contains(method.getName())) {
                throw new AssertionError(method + " in host memory");
              }
              try {
                return method.invoke(inner, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  /** Puts the same numbers into what is learned for each feature. */
  private void startAlike(Engine... engines) {
    for (StateTensor tensor : engines[0].state()) {
      float mean = tensor.name().equals(Learned.LOG_THRESHOLD) ? -1 : 0;
      if (engines[0].spec().learned().names().contains(tensor.name())) {
        MemorySegment values = arena.allocate(tensor.bytes(), 64);
        fill(random, values);
        for (long i = 0; i < FEATURES; i++) {
          values.setAtIndex(FLOAT, i, mean + values.getAtIndex(FLOAT, i));
        }
        for (Engine engine : engines) {
          engine.write(tensor, values);
        }
      }
    }
  }

  private Rows tokens(int rows) {
    MemorySegment memory = arena.allocate((long) rows * WIDTH * Float.BYTES, 64);
    fill(random, memory);
    return new Rows(memory, DType.F32, rows, WIDTH);
  }

  private static void fill(Random random, MemorySegment memory) {
    for (long i = 0; i < memory.byteSize() / Float.BYTES; i++) {
      memory.setAtIndex(FLOAT, i, (float) (0.5 * random.nextGaussian()));
    }
  }
}

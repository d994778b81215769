package io.sluice.engine.torch;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.CheckedEngine;
import io.sluice.engine.Engine;
import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.DeviceActivations;
import io.sluice.engine.arithmetic.DeviceCodes;
import io.sluice.engine.arithmetic.Prefixes;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
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
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Codes that stay on the device give the bits that codes in host memory give. */
@Tag("cuda")
class DeviceCodesTest {
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

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

  @ParameterizedTest(name = "{0}, norms {1}, {2}")
  @CsvSource({
    "ADAM, false, FLOAT32",
    "ADAM, true, TENSOR_FLOAT32",
    "SPARSE_ADAM, true, NONE",
    "SPARSE_ADAM, false, BFLOAT16"
  })
  void secondBatchOfDeadFeaturesIsThatOfTheHost(
      Optimiser optimiser, boolean byNorm, Screening screening) {
    int width = 14;
    int features = 260;
    EngineSpec spec = new EngineSpec(width, width, features, true, byNorm, optimiser);
    DictionaryParameters start = DictionaryParameters.allocate(arena, width, width, features);
    fill(start.encoder());
    fill(start.encoderBias());
    fill(start.decoder());
    fill(start.decoderBias());
    AtomicInteger onDevice = new AtomicInteger();
    AtomicInteger onHost = new AtomicInteger();
    try (Engine device =
            new CheckedEngine(
                spec,
                start,
                (s, initial) ->
                    counted(new TorchArithmetic(s, initial, DEVICE, screening), false, onDevice));
        Engine host =
            new CheckedEngine(
                spec,
                start,
                (s, initial) ->
                    counted(new TorchArithmetic(s, initial, DEVICE, screening), true, onHost))) {
      for (int step = 1; step <= 10; step++) {
        // A token of zeros may have fewer codes than k.
        Rows tokens = tokens(1 + random.nextInt(40), width);
        ActivationFunction selection = step % 3 == 0 ? new BatchTopK(3) : new TopK(3);
        int auxK = step == 4 ? features : 7;
        double[] added = {
          train(device, tokens, selection, step, auxK), train(host, tokens, selection, step, auxK)
        };
        assertThat(added[0]).as("step %d, seed %d", step, seed).isEqualTo(added[1]);
        assertThat(added[0]).isPositive();
      }
      for (StateTensor tensor : host.state()) {
        assertThat(device.read(tensor, arena).mismatch(host.read(tensor, arena)))
            .as("first differing byte of %s, seed %d", tensor.name(), seed)
            .isEqualTo(-1);
      }
    }
    assertThat(onHost).hasValue(10);
    assertThat(onDevice).hasValue(0);
  }

  @Test
  void trainingCopiesNoCodes() {
    EngineSpec spec = new EngineSpec(8, 8, 60, true, false, Optimiser.SPARSE_ADAM);
    DictionaryParameters start = DictionaryParameters.allocate(arena, 8, 8, 60);
    fill(start.encoder());
    fill(start.decoder());
    AtomicInteger copies = new AtomicInteger();
    for (ActivationFunction selection :
        List.of(new TopK(3), new AbsTopK(3), new BatchTopK(3), new ReLU())) {
      try (Engine engine =
          new CheckedEngine(
              spec,
              start,
              (s, i) ->
                  countingCopies(new TorchArithmetic(s, i, DEVICE, Screening.FLOAT32), copies))) {
        for (int step = 1; step <= 4; step++) {
          engine.encode(tokens(20, 8), selection);
          engine.decodeForTraining(tokens(20, 8));
          engine.markFired(step);
          if (selection instanceof TopK) {
            engine.addDeadFeatureLoss(4, 1, step - 1);
          } else {
            engine.penalise(0.1);
          }
          engine.accumulate();
          engine.update(new AdamStep(step, 1e-3, 0.9, 0.999, 1e-8));
        }
        assertThat(engine.takeResults()).hasSize(4);
        assertThat(engine.codeCount()).isPositive();
        assertThat(copies).as("%s", selection).hasValue(0);
        assertThat(engine.codes()).isSameAs(engine.codes());
        assertThat(copies).hasValue(1);
        copies.set(0);
      }
    }
  }

  /** Counts how often codes are copied to host memory. */
  private static Arithmetic countingCopies(Arithmetic inner, AtomicInteger copies) {
    return counting(
        Arithmetic.class,
        inner,
        (method, result) ->
            switch (result) {
              case DeviceCodes codes -> countingCopies(codes, copies);
              case DeviceActivations activations ->
                  counting(
                      DeviceActivations.class,
                      activations,
                      (name, found) ->
                          found instanceof DeviceCodes codes
                              ? countingCopies(codes, copies)
                              : found);
              case null, default -> result;
            });
  }

  private static DeviceCodes countingCopies(DeviceCodes inner, AtomicInteger copies) {
    return counting(
        DeviceCodes.class,
        inner,
        (method, result) -> {
          if (method.equals("copyTo")) {
            copies.incrementAndGet();
          }
          return result;
        });
  }

  /** Hands calls on, and results through {@code look}, which gets the name of the method. */
  private static <T> T counting(Class<T> type, T inner, BiFunction<String, Object, Object> look) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> {
              try {
                return look.apply(method.getName(), method.invoke(inner, arguments));
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            }));
  }

  @Test
  void nothingDeadAddsNothing() {
    EngineSpec spec = new EngineSpec(8, 8, 30, false, false, Optimiser.ADAM);
    DictionaryParameters start = DictionaryParameters.allocate(arena, 8, 8, 30);
    fill(start.encoder());
    fill(start.decoder());
    try (Engine engine =
        new CheckedEngine(
            spec, start, (s, i) -> new TorchArithmetic(s, i, DEVICE, Screening.FLOAT32))) {
      engine.encode(tokens(20, 8), new TopK(3));
      engine.decode(tokens(20, 8), true);
      assertThat(engine.addDeadFeatureLoss(4, 1, -1).getAsDouble()).isZero();
      // Without a loss it may be asked again.
      assertThat(engine.addDeadFeatureLoss(4, 1, 0).getAsDouble()).isPositive();
    }
  }

  @Test
  void levelsOfNestedDictionariesAreThoseOfTheHost() {
    for (List<Integer> ends : List.of(List.of(5, 20, 21, 64), List.of(63, 64), List.of(1, 64))) {
      int rows = 1 + random.nextInt(30);
      try (Codes codes = new Codes();
          HostScratch scratch = new HostScratch();
          DeviceIntegers numbers = new DeviceIntegers(DEVICE);
          TensorScope scope = TensorScope.open()) {
        codes.begin(rows, rows * 64);
        int entry = 0;
        for (int row = 0; row < rows; row++) {
          // Tokens of many features, of few and of none.
          double share = new double[] {0, 0.05, 0.5, 1}[row % 4];
          for (int feature = 0; feature < 64; feature++) {
            if (random.nextDouble() < share) {
              codes.set(entry++, feature, random.nextFloat());
            }
          }
          codes.endRow(entry);
        }
        TorchCodes expected = TorchCodes.upload(codes, new Prefixes(ends), scratch, DEVICE);
        Tensor host = Tensor.ofInts(ends.stream().mapToInt(i -> i).toArray(), ends.size());
        TorchCodes flat = TorchCodes.upload(codes, new Prefixes(List.of(64)), scratch, DEVICE);
        TorchCodes found = flat.inLevels(DEVICE.isCuda() ? host.to(DEVICE) : host, numbers);
        assertThat(found.entries()).isEqualTo(entry);
        assertThat(longs(found.offsets())).as("%s", ends).isEqualTo(longs(expected.offsets()));
        assertThat(longs(found.bags())).isEqualTo(longs(expected.bags()));
        assertThat(longs(found.tokens())).isEqualTo(longs(expected.tokens()));
        assertThat(longs(found.features())).isEqualTo(longs(expected.features()));
        assertThat(found.bags().dtype()).isEqualTo(expected.bags().dtype());
        assertThat(found.offsets().dtype()).isEqualTo(expected.offsets().dtype());
      }
    }
  }

  @Test
  void nestedCodesStayOnTheDevice() {
    EngineSpec spec =
        new EngineSpec(12, 12, 300, false, false, Optimiser.ADAM).nested(List.of(40, 100, 300));
    DictionaryParameters start = DictionaryParameters.allocate(arena, 12, 12, 300);
    fill(start.encoder());
    fill(start.decoder());
    try (Arithmetic arithmetic =
            new TorchArithmetic(spec, start, DEVICE, Screening.TENSOR_FLOAT32);
        Codes codes = new Codes()) {
      for (ActivationFunction wanted : List.of(new TopK(6), new BatchTopK(6))) {
        Rows tokens = tokens(25, 12);
        codes.begin(0, 0);
        assertThat(arithmetic.encode(tokens, wanted, codes)).isNotNull();
        assertThat(arithmetic.decode(tokens, tokens, codes, true)).isPositive();
        assertThat(codes.entries()).isZero();
      }
    }
  }

  private static long[] longs(Tensor tensor) {
    return tensor.to(DType.I64).toLongs();
  }

  /**
   * Counts how often dead features are encoded on the host, and can refuse to do it on the device.
   */
  private static Arithmetic counted(Arithmetic inner, boolean refuses, AtomicInteger onHost) {
    return (Arithmetic)
        Proxy.newProxyInstance(
            Arithmetic.class.getClassLoader(),
            new Class<?>[] {Arithmetic.class},
            (proxy, method, arguments) -> {
              if (refuses && method.getReturnType() == Optional.class) {
                return Optional.empty();
              }
              if (method.getName().equals("encodeAmong")) {
                onHost.incrementAndGet();
              }
              try {
                return method.invoke(inner, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  private static double train(
      Engine engine, Rows tokens, ActivationFunction selection, int step, int auxK) {
    engine.encode(tokens, selection);
    engine.decode(tokens, true);
    // What is in the batch is not dead, whether its clocks were set or not.
    if (step % 2 == 0) {
      engine.markFired(10L * step);
    }
    double added = engine.addDeadFeatureLoss(auxK, 0.25, 10L * step - 10).getAsDouble();
    engine.markFired(10L * step);
    engine.accumulate();
    engine.update(new AdamStep(step, 1e-2, 0.9, 0.99, 1e-8));
    return added;
  }

  private Rows tokens(int rows, int width) {
    MemorySegment memory = arena.allocate((long) rows * width * Float.BYTES, 64);
    fill(memory);
    memory.asSlice(0, (long) width * Float.BYTES).fill((byte) 0);
    return new Rows(memory, DType.F32, rows, width);
  }

  private void fill(MemorySegment memory) {
    for (long i = 0; i < memory.byteSize() / Float.BYTES; i++) {
      memory.setAtIndex(FLOAT, i, (float) (0.5 * random.nextGaussian()));
    }
  }
}

package io.sluice.engine.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** With precision bfloat16, codes are those of PyTorch's product under autocast. */
@Tag("cuda")
class EncoderPrecisionTest {
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  /** A rounding to bfloat16 moves a number by this share at the most. */
  private static final double ROUNDING = 0x1p-8;

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

  @Test
  void keepsTheLargestOfPyTorchsProduct() throws Exception {
    Golden golden = golden();
    int k = 7;
    try (Engine engine = open(golden.spec(false), golden.start)) {
      engine.encode(golden.inputs, new TopK(k));
      assertOfProduct(engine.codes(), golden.activations);
      for (int row = 0; row < golden.inputs.count(); row++) {
        float[] all = golden.row(row);
        Arrays.sort(all);
        assertThat(sorted(engine.codes(), row)).hasSize(k);
        assertLargest(sorted(engine.codes(), row), Arrays.copyOfRange(all, 96 - k, 96));
      }
      engine.encode(golden.inputs, new BatchTopK(k));
      assertOfProduct(engine.codes(), golden.activations);
      float[] all = golden.activations.clone();
      Arrays.sort(all);
      int kept = k * golden.inputs.count();
      float[] values = engine.codes().values().toArray(FLOAT);
      float[] found = Arrays.copyOf(values, engine.codes().entries());
      Arrays.sort(found);
      assertLargest(found, Arrays.copyOfRange(all, all.length - kept, all.length));
      assertThat(engine.leastScore()).isEqualTo(found[0]);
    }
  }

  @Test
  void keepsSignsAndThresholdsOfPyTorchsProduct() throws Exception {
    Golden golden = golden();
    int k = 9;
    try (Engine engine = open(golden.spec(false), golden.start)) {
      engine.encode(golden.inputs, new AbsTopK(k));
      assertOfProduct(engine.codes(), golden.activations);
      for (int row = 0; row < golden.inputs.count(); row++) {
        float[] all = golden.row(row);
        float[] found = sorted(engine.codes(), row);
        for (float[] each : new float[][] {all, found}) {
          for (int i = 0; i < each.length; i++) {
            each[i] = Math.abs(each[i]);
          }
          Arrays.sort(each);
        }
        assertLargest(found, Arrays.copyOfRange(all, 96 - k, 96));
      }
      engine.encode(golden.inputs, new ReLU());
      assertOfProduct(engine.codes(), golden.activations);
      long positive =
          IntStream.range(0, golden.activations.length)
              .filter(i -> golden.activations[i] > 0)
              .count();
      // An activation next to 0 may have either sign, where sums are in another order.
      assertThat((double) engine.codes().entries()).isCloseTo(positive, within(2.0));
    }
  }

  @Test
  void scoresByDecoderNormAreOfTheProduct() throws Exception {
    Golden golden = golden();
    int k = 5;
    try (Engine engine = open(golden.spec(true), golden.start)) {
      double[] norms = new double[96];
      for (int i = 0; i < 96 * 24; i++) {
        norms[i / 24] += Math.pow(golden.start.decoder().getAtIndex(FLOAT, i), 2);
      }
      for (ActivationFunction wanted : new ActivationFunction[] {new TopK(k), new BatchTopK(k)}) {
        engine.encode(golden.inputs, wanted);
        assertOfProduct(engine.codes(), golden.activations);
        double least = Double.POSITIVE_INFINITY;
        double mostLeftOut = 0;
        for (int row = 0; row < golden.inputs.count(); row++) {
          float[] all = golden.row(row);
          double leastOfRow = Double.POSITIVE_INFINITY;
          for (int e = engine.codes().offset(row); e < engine.codes().offset(row + 1); e++) {
            int feature = engine.codes().feature(e);
            leastOfRow = Math.min(leastOfRow, engine.codes().value(e) * Math.sqrt(norms[feature]));
            all[feature] = 0;
          }
          double most = 0;
          for (int feature = 0; feature < 96; feature++) {
            most = Math.max(most, all[feature] * Math.sqrt(norms[feature]));
          }
          if (wanted instanceof TopK) {
            assertThat(most).as("row %d", row).isLessThanOrEqualTo(leastOfRow * (1 + 4 * ROUNDING));
          }
          least = Math.min(least, leastOfRow);
          mostLeftOut = Math.max(mostLeftOut, most);
        }
        if (wanted instanceof BatchTopK) {
          assertThat(mostLeftOut).isLessThanOrEqualTo(least * (1 + 4 * ROUNDING));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = Optimiser.class, names = "NONE", mode = EnumSource.Mode.EXCLUDE)
  void productFollowsTheOptimiserAndRestoredState(Optimiser optimiser) {
    int width = 20;
    int features = 150;
    EngineSpec spec =
        new EngineSpec(width, width, features, true, false, optimiser).withPrecision(DType.BF16);
    DictionaryParameters start = random(width, features);
    try (Engine engine = open(spec, start);
        Engine restored =
            open(spec, DictionaryParameters.allocate(arena, width, width, features))) {
      Rows probe = tokens(12, width);
      restored.encode(probe, new TopK(4));
      for (int step = 1; step <= 8; step++) {
        Rows batch = tokens(6, width);
        engine.encode(batch, new TopK(4));
        assertOfProduct(engine.codes(), product(engine.parameters(arena), batch));
        engine.decode(batch, true);
        engine.markFired(step);
        engine.accumulate();
        engine.update(new AdamStep(step, 0.05, 0.9, 0.99, 1e-8));
      }
      for (StateTensor tensor : engine.state()) {
        restored.write(tensor, engine.read(tensor, arena));
      }
      float[] expected = product(engine.parameters(arena), probe);
      for (Engine each : new Engine[] {engine, restored}) {
        each.encode(probe, new TopK(4));
        assertThat(each.codes().entries()).isPositive();
        assertOfProduct(each.codes(), expected);
      }
    }
  }

  @Test
  void deadFeaturesAreSelectedFromTheProduct() {
    int width = 20;
    EngineSpec exact = new EngineSpec(width, width, 150, false, false, Optimiser.ADAM);
    DictionaryParameters start = random(width, 150);
    Rows batch = tokens(40, width);
    double[] added = new double[2];
    for (int i = 0; i < 2; i++) {
      EngineSpec spec = i == 0 ? exact : exact.withPrecision(DType.BF16);
      try (Engine engine = open(spec, start)) {
        engine.encode(batch, new TopK(2));
        engine.decode(batch, true);
        added[i] = engine.addDeadFeatureLoss(6, 1, 0).getAsDouble();
      }
    }
    assertThat(added[1]).isNotEqualTo(added[0]).isCloseTo(added[0], within(0.03 * added[0]));
  }

  @Test
  void otherEnginesRefuseItByName() {
    EngineSpec spec =
        new EngineSpec(8, 8, 16, false, false, Optimiser.NONE).withPrecision(DType.BF16);
    DictionaryParameters start = random(8, 16);
    try (Workers workers = Workers.of(1)) {
      EngineFactory vector = EngineFactory.vector(workers);
      EngineFactory reference = EngineFactory.reference();
      assertThatThrownBy(() -> vector.open(spec, start))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("vector engine")
          .hasMessageContaining("bfloat16");
      assertThatThrownBy(() -> vector.openOver(spec, start))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("vector engine");
      assertThatThrownBy(() -> reference.open(spec, start))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("reference engine");
    }
    assertThatThrownBy(() -> spec.withPrecision(DType.F16))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("float16");
  }

  private static Engine open(EngineSpec spec, DictionaryParameters start) {
    return EngineFactory.torch(DEVICE).open(spec, start);
  }

  /** Each code is a number of bfloat16, and the product of its token and feature. */
  private void assertOfProduct(Codes codes, float[] product) {
    int features = product.length / codes.rows();
    for (int row = 0; row < codes.rows(); row++) {
      for (int entry = codes.offset(row); entry < codes.offset(row + 1); entry++) {
        float value = codes.value(entry);
        assertThat(Float.floatToRawIntBits(value) & 0xffff).as("low bits of %s", value).isZero();
        float expected = product[row * features + codes.feature(entry)];
        // Sums in another order are rounded to a neighbour at the most.
        assertThat(value)
            .as("row %d, feature %d, seed %d", row, codes.feature(entry), seed)
            .isCloseTo(expected, within((float) (2 * ROUNDING * Math.abs(expected) + 1e-3)));
      }
    }
  }

  private static void assertLargest(float[] found, float[] expected) {
    assertThat(found).hasSameSizeAs(expected);
    for (int i = 0; i < found.length; i++) {
      assertThat((double) found[i]).isCloseTo(expected[i], within(4 * ROUNDING * expected[i]));
    }
  }

  private static float[] sorted(Codes codes, int row) {
    float[] values = new float[codes.offset(row + 1) - codes.offset(row)];
    for (int i = 0; i < values.length; i++) {
      values[i] = codes.value(codes.offset(row) + i);
    }
    Arrays.sort(values);
    return values;
  }

  /** The product of what is rounded to bfloat16, summed in float64 and rounded once. */
  private static float[] product(DictionaryParameters weights, Rows tokens) {
    int width = weights.inputWidth();
    int features = weights.features();
    float[] product = new float[tokens.count() * features];
    for (int row = 0; row < tokens.count(); row++) {
      for (int feature = 0; feature < features; feature++) {
        double sum = rounded(weights.encoderBias().getAtIndex(FLOAT, feature));
        for (int i = 0; i < width; i++) {
          float seen = tokens.at(row, i) - weights.decoderBias().getAtIndex(FLOAT, i);
          sum +=
              (double) rounded(seen)
                  * rounded(weights.encoder().getAtIndex(FLOAT, (long) feature * width + i));
        }
        product[row * features + feature] = rounded((float) sum);
      }
    }
    return product;
  }

  /** To the nearest number of bfloat16, of two equally near ones to the even one. */
  private static float rounded(float value) {
    int bits = Float.floatToRawIntBits(value);
    return Float.intBitsToFloat((bits + 0x7fff + (bits >>> 16 & 1)) & 0xffff0000);
  }

  private DictionaryParameters random(int width, int features) {
    DictionaryParameters made = DictionaryParameters.allocate(arena, width, width, features);
    for (MemorySegment memory :
        new MemorySegment[] {
          made.encoder(), made.encoderBias(), made.decoder(), made.decoderBias()
        }) {
      fill(memory);
    }
    return made;
  }

  private Rows tokens(int rows, int width) {
    MemorySegment memory = arena.allocate((long) rows * width * Float.BYTES, 64);
    fill(memory);
    return new Rows(memory, DType.F32, rows, width);
  }

  private void fill(MemorySegment memory) {
    for (long i = 0; i < memory.byteSize() / Float.BYTES; i++) {
      memory.setAtIndex(FLOAT, i, (float) (0.5 * random.nextGaussian()));
    }
  }

  private record Golden(DictionaryParameters start, Rows inputs, float[] activations) {
    EngineSpec spec(boolean byNorm) {
      return new EngineSpec(24, 24, 96, true, byNorm, Optimiser.NONE).withPrecision(DType.BF16);
    }

    float[] row(int row) {
      return Arrays.copyOfRange(activations, row * 96, (row + 1) * 96);
    }
  }

  private Golden golden() throws Exception {
    Path path =
        Path.of(
            EncoderPrecisionTest.class.getResource("/golden/bfloat16-product.safetensors").toURI());
    Safetensors file = Safetensors.open(path);
    DictionaryParameters start = DictionaryParameters.allocate(arena, 24, 24, 96);
    start.encoder().copyFrom(read(file, "encoder"));
    start.encoderBias().copyFrom(read(file, "encoder_bias"));
    start.decoder().copyFrom(read(file, "decoder"));
    start.decoderBias().copyFrom(read(file, "decoder_bias"));
    return new Golden(
        start,
        new Rows(read(file, "inputs"), DType.F32, 16, 24),
        read(file, "activations").toArray(FLOAT));
  }

  private static MemorySegment read(Safetensors file, String name) {
    return file.data(name);
  }
}

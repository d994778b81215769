package io.sluice.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
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
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Dictionaries of other kinds than autoencoders on every engine, against PyTorch autograd; see
 * {@code src/test/python/golden_kinds.py}.
 */
@Tag("cuda")
class KindsGoldenTest {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));

  private final Arena arena = Arena.ofShared();
  private Safetensors file;
  private JsonNode settings;

  @AfterEach
  void free() {
    arena.close();
  }

  @ParameterizedTest
  @CsvSource({
    "reference, skip-adam",
    "reference, skip-sparse-adam",
    "vector, skip-adam",
    "vector, skip-sparse-adam",
    "torch, skip-adam",
    "torch, skip-sparse-adam"
  })
  void skipConnectionsFollowAutograd(String engine, String name) throws Exception {
    load(name);
    try (Engine skips =
        SkipConnection.around(engines(engine).open(spec(), start()), data("start.skip"))) {
      follow(skips);
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @CsvSource({
    "reference, crosscoder-adam",
    "reference, crosscoder-sparse-adam",
    "reference, crosscoder-adam-relu",
    "reference, crosscoder-sparse-adam-relu",
    "vector, crosscoder-adam",
    "vector, crosscoder-sparse-adam",
    "vector, crosscoder-adam-relu",
    "vector, crosscoder-sparse-adam-relu",
    "torch, crosscoder-adam",
    "torch, crosscoder-sparse-adam",
    "torch, crosscoder-adam-relu",
    "torch, crosscoder-sparse-adam-relu"
  })
  void lengthsAreSumsOfNormsPerSite(String engine, String name) throws Exception {
    load(name);
    List<Integer> sites = new ArrayList<>();
    settings.get("sites").forEach(width -> sites.add(width.asInt()));
    EngineSpec spec =
        new EngineSpec(
                integer("inputWidth"),
                integer("outputWidth"),
                integer("features"),
                settings.path("subtractDecoderBias").asBoolean(),
                true,
                Optimiser.ofLabel(settings.get("optimiser").asText()))
            .writing(sites);
    try (Engine crosscoder = engines(engine).open(spec, start())) {
      follow(crosscoder);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "reference, crosslayer-adam",
    "reference, crosslayer-sparse-adam",
    "vector, crosslayer-adam",
    "vector, crosslayer-sparse-adam",
    "torch, crosslayer-adam",
    "torch, crosslayer-sparse-adam"
  })
  void layersWriteWhatComesAfterThem(String engine, String name) throws Exception {
    load(name);
    try (CrossLayerEngine crossLayer = crossLayer(engines(engine))) {
      follow(crossLayer);
      assertThat(crossLayer.codes().entries()).isLessThanOrEqualTo(3 * 4 * integer("batch"));
      // As one dictionary with zeros where no arrow goes, it writes the same.
      Rows input = batch("inputs", crossLayer.spec().inputWidth(), 1);
      Rows target = batch("targets", crossLayer.spec().outputWidth(), 1);
      crossLayer.encode(input, new TopK(4));
      double error = crossLayer.decode(target, false);
      DictionaryParameters whole = crossLayer.parameters(arena);
      EngineSpec spec =
          new EngineSpec(
              whole.inputWidth(),
              whole.outputWidth(),
              whole.features(),
              false,
              false,
              Optimiser.NONE);
      double[] sums = new double[target.count() * target.width()];
      Codes codes = crossLayer.codes();
      for (int row = 0; row < target.count(); row++) {
        for (int i = 0; i < target.width(); i++) {
          sums[row * target.width() + i] = whole.decoderBias().getAtIndex(FLOAT, i);
          for (int entry = codes.offset(row); entry < codes.offset(row + 1); entry++) {
            long at = (long) codes.feature(entry) * spec.outputWidth() + i;
            sums[row * target.width() + i] +=
                codes.value(entry) * whole.decoder().getAtIndex(FLOAT, at);
          }
        }
      }
      double sum = 0;
      for (int i = 0; i < sums.length; i++) {
        sum += Math.pow(sums[i] - target.at(i / target.width(), i % target.width()), 2);
      }
      assertThat(sum).isCloseTo(error, within(1e-4 * error));
    }
  }

  @Test
  void crossLayerEnginesGoOnBitByBitFromARestoredState() throws Exception {
    load("crosslayer-sparse-adam");
    try (Engine whole = crossLayer(EngineFactory.reference());
        Engine resumed = crossLayer(EngineFactory.reference())) {
      for (int step = 1; step <= 4; step++) {
        step(whole, step);
      }
      for (StateTensor tensor : whole.state()) {
        resumed.write(tensor, whole.read(tensor, arena));
      }
      for (int step = 5; step <= 8; step++) {
        step(whole, step);
        step(resumed, step);
      }
      for (StateTensor tensor : whole.state()) {
        assertThat(whole.read(tensor, arena).mismatch(resumed.read(tensor, arena)))
            .as(tensor.name())
            .isEqualTo(-1);
      }
    }
  }

  private CrossLayerEngine crossLayer(EngineFactory engines) {
    List<Integer> writes = new ArrayList<>();
    settings.get("writes").forEach(width -> writes.add(width.asInt()));
    List<Engine> layers = new ArrayList<>();
    for (int layer = 0; layer < writes.size(); layer++) {
      List<Integer> after = writes.subList(layer, writes.size());
      int in = settings.get("reads").get(layer).asInt();
      int out = after.stream().mapToInt(Integer::intValue).sum();
      int features = integer("features");
      MemorySegment bias =
          layer == 0 ? data("start.decoder_bias") : arena.allocate((long) out * Float.BYTES, 64);
      DictionaryParameters start =
          new DictionaryParameters(
              in,
              out,
              features,
              data("start." + layer + ".encoder"),
              data("start." + layer + ".encoder_bias"),
              data("start." + layer + ".decoder"),
              bias);
      EngineSpec spec =
          new EngineSpec(
                  in,
                  out,
                  features,
                  false,
                  settings.get("rankByDecoderNorm").asBoolean(),
                  Optimiser.ofLabel(settings.get("optimiser").asText()))
              .writing(after);
      layers.add(engines.open(spec, start));
    }
    return new CrossLayerEngine(layers, writes);
  }

  @Test
  void sitesThatDoNotMakeUpTheOutputAreRefused() {
    EngineSpec spec = new EngineSpec(4, 6, 8, false, false, Optimiser.ADAM);
    assertThat(spec.writing(List.of(2, 4)).siteCount()).isEqualTo(2);
    assertThatThrownBy(() -> spec.writing(List.of(2, 3)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("[2, 3]")
        .hasMessageContaining("width 6");
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "vector", "torch"})
  void skipConnectionsGoOnBitByBitFromARestoredState(String engine) throws Exception {
    load("skip-sparse-adam");
    EngineFactory engines = engines(engine);
    try (Engine whole = SkipConnection.around(engines.open(spec(), start()), null);
        Engine resumed = SkipConnection.around(engines.open(spec(), start()), null)) {
      for (int step = 1; step <= 6; step++) {
        step(whole, step);
      }
      for (StateTensor tensor : whole.state()) {
        resumed.write(tensor, whole.read(tensor, arena));
      }
      for (int step = 7; step <= 12; step++) {
        step(whole, step);
        step(resumed, step);
      }
      for (StateTensor tensor : whole.state()) {
        assertThat(whole.read(tensor, arena).mismatch(resumed.read(tensor, arena)))
            .as(tensor.name())
            .isEqualTo(-1);
      }
    }
  }

  @Test
  void reconstructsWithWhatIsSkipped() throws Exception {
    load("skip-adam");
    try (Engine skips =
        SkipConnection.around(
            EngineFactory.reference().open(spec(), start()), data("after20.skip"))) {
      Rows input = batch("inputs", integer("inputWidth"), 1);
      Rows target = batch("targets", integer("outputWidth"), 1);
      skips.encode(input, new TopK(integer("k")));
      double error = skips.decode(target, false);
      MemorySegment found = arena.allocate(4L * target.count() * target.width(), 64);
      skips.readReconstruction(found);
      double sum = 0;
      for (int row = 0; row < target.count(); row++) {
        for (int i = 0; i < target.width(); i++) {
          double distance =
              found.getAtIndex(FLOAT, (long) row * target.width() + i) - target.at(row, i);
          sum += distance * distance;
        }
      }
      assertThat(sum).isCloseTo(error, within(1e-4 * error));
      assertThat(SkipConnection.of(skips).orElseThrow().skip(arena).mismatch(data("after20.skip")))
          .isEqualTo(-1);
    }
  }

  @Test
  void skipConnectionsOfAnotherSizeAreRefused() throws Exception {
    load("skip-adam");
    try (Engine inner = EngineFactory.reference().open(spec(), start())) {
      assertThatThrownBy(() -> SkipConnection.around(inner, arena.allocate(12)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("from 8 to 6 values has 192 bytes, not 12");
    }
  }

  /** Twenty steps, each with the loss and now and then the parameters of the golden run. */
  private void follow(Engine engine) {
    for (int step = 1; step <= integer("steps"); step++) {
      double loss = step(engine, step);
      double expected = file.data("losses").getAtIndex(ValueLayout.JAVA_DOUBLE, step - 1L);
      assertThat(loss).as("loss of step %d", step).isCloseTo(expected, within(1e-4 * expected));
      if (step == 1 || step == 5 || step == 20) {
        for (StateTensor tensor : engine.state()) {
          // Layers of a cross-layer transcoder are numbered, and share one bias.
          String name =
              "after"
                  + step
                  + "."
                  + tensor
                      .name()
                      .replaceFirst("^layer0\\.decoder_bias$", "decoder_bias")
                      .replaceFirst("^layer(\\d+)\\.", "$1.");
          if (file.names().contains(name)) {
            assertClose(name, engine.read(tensor, arena), file.data(name));
          }
        }
      }
    }
  }

  /** One step; returns its loss. */
  private double step(Engine engine, int step) {
    Rows input = batch("inputs", engine.spec().inputWidth(), step);
    Rows target =
        file.names().contains("targets")
            ? batch("targets", engine.spec().outputWidth(), step)
            : input;
    boolean relu = settings.path("selection").asText().equals("relu");
    engine.encode(input, relu ? new ReLU() : new TopK(integer("k")));
    double loss = engine.decode(target, true) / input.count();
    if (relu) {
      loss += engine.penalise(settings.get("penalty").asDouble()).getAsDouble();
    }
    engine.accumulate();
    engine.update(
        new AdamStep(step, real("learningRate"), real("beta1"), real("beta2"), real("epsilon")));
    return loss;
  }

  private void assertClose(String name, MemorySegment found, MemorySegment expected) {
    assertThat(found.byteSize()).as(name).isEqualTo(expected.byteSize());
    for (long i = 0; i < expected.byteSize() / Float.BYTES; i++) {
      float value = expected.getAtIndex(FLOAT, i);
      assertThat((double) found.getAtIndex(FLOAT, i))
          .as("%s, element %d", name, i)
          .isCloseTo(value, within(1e-4 * Math.max(1, Math.abs(value))));
    }
  }

  private static EngineFactory engines(String name) {
    assumeTrue(!name.equals("torch") || Torch.isAvailable(), "no LibTorch here");
    assumeTrue(name.equals("torch") || !DEVICE.isCuda(), "runs on the CPU only");
    return EngineFactory.named(name, DEVICE);
  }

  private void load(String name) throws Exception {
    file =
        Safetensors.open(
            Path.of(
                KindsGoldenTest.class
                    .getResource("/golden/kind-" + name + ".safetensors")
                    .toURI()));
    settings = new ObjectMapper().readTree(file.metadata().get("settings"));
  }

  private EngineSpec spec() {
    return new EngineSpec(
        integer("inputWidth"),
        integer("outputWidth"),
        integer("features"),
        settings.path("subtractDecoderBias").asBoolean(),
        false,
        Optimiser.ofLabel(settings.get("optimiser").asText()));
  }

  private DictionaryParameters start() {
    return new DictionaryParameters(
        integer("inputWidth"),
        integer("outputWidth"),
        integer("features"),
        data("start.encoder"),
        data("start.encoder_bias"),
        data("start.decoder"),
        data("start.decoder_bias"));
  }

  private MemorySegment data(String name) {
    MemorySegment from = file.data(name);
    return arena.allocate(from.byteSize(), 64).copyFrom(from);
  }

  private Rows batch(String name, int width, int step) {
    int rows = integer("batch");
    long bytes = (long) rows * width * Float.BYTES;
    MemorySegment copy = arena.allocate(bytes, 64);
    copy.copyFrom(file.data(name).asSlice((step - 1) * bytes, bytes));
    return new Rows(copy, DType.F32, rows, width);
  }

  private int integer(String name) {
    return settings.get(name).asInt();
  }

  private double real(String name) {
    return settings.get(name).asDouble();
  }
}

package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.SparseEncoder;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ActivationFunctions;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.torch.Device;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@link GroupTopK} is code of the tests alone, and works wherever those of the package do. */
class AddedActivationTest {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int WIDTH = 6;
  private static final int FEATURES = 23;
  private static final ObjectMapper JSON = new ObjectMapper();
  @TempDir private Path temp;

  private static EngineFactory engines(String name) {
    return EngineFactory.named(name, Device.parse("cpu"), Workers.allCores());
  }

  @Test
  void isFoundByItsName() {
    assertThat(ActivationFunctions.named("group_topk")).isEqualTo(new GroupTopK());
    assertThat(ActivationFunctions.labels()).contains("topk", "group_topk");
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "vector", "torch"})
  void engineKeepsTheLargestOfEachGroup(String name) {
    GroupTopK function = new GroupTopK(5, 3);
    for (boolean byNorm : new boolean[] {false, true}) {
      EngineSpec spec = new EngineSpec(WIDTH, WIDTH, FEATURES, true, byNorm, Optimiser.NONE);
      try (Arena arena = Arena.ofConfined();
          Engine engine = engines(name).open(spec, parameters(arena, 3))) {
        Rows batch = rows(arena, 40, 5);
        engine.encode(batch, function);
        Codes codes = engine.codes();
        DictionaryParameters p = engine.parameters(arena);
        int found = 0;
        for (int row = 0; row < batch.count(); row++) {
          TreeMap<Integer, Double> wanted = byHand(p, batch, row, function, byNorm);
          found += wanted.size();
          TreeMap<Integer, Float> code = new TreeMap<>();
          for (int entry = codes.offset(row); entry < codes.offset(row + 1); entry++) {
            code.put(codes.feature(entry), codes.value(entry));
          }
          assertThat(code.keySet()).as("row %d", row).isEqualTo(wanted.keySet());
          code.forEach(
              (feature, value) ->
                  assertThat((double) value).isCloseTo(wanted.get(feature), within(1e-5)));
        }
        assertThat(codes.entries()).isEqualTo(found);
      }
    }
  }

  /** The definition, by sorting. */
  private static TreeMap<Integer, Double> byHand(
      DictionaryParameters p, Rows batch, int row, GroupTopK function, boolean byNorm) {
    double[] values = new double[FEATURES];
    double[] scores = new double[FEATURES];
    for (int feature = 0; feature < FEATURES; feature++) {
      double value = p.encoderBias().getAtIndex(FLOAT, feature);
      double square = 0;
      for (int i = 0; i < WIDTH; i++) {
        long at = (long) feature * WIDTH + i;
        double seen = batch.at(row, i) - p.decoderBias().getAtIndex(FLOAT, i);
        value += seen * p.encoder().getAtIndex(FLOAT, at);
        double weight = p.decoder().getAtIndex(FLOAT, at);
        square += weight * weight;
      }
      values[feature] = value;
      scores[feature] = byNorm ? value * Math.sqrt(square) : value;
    }
    TreeMap<Integer, Double> kept = new TreeMap<>();
    for (int group = 0; group < function.groups(); group++) {
      List<Integer> members = new ArrayList<>();
      for (int feature = FEATURES * group / function.groups();
          feature < FEATURES * (group + 1) / function.groups();
          feature++) {
        if (values[feature] > 0) {
          members.add(feature);
        }
      }
      members.sort((a, b) -> Double.compare(scores[b], scores[a]));
      int most =
          function.k() / function.groups() + (group < function.k() % function.groups() ? 1 : 0);
      members.stream().limit(most).forEach(feature -> kept.put(feature, values[feature]));
    }
    return kept;
  }

  /** One group is TopK, so gradients and steps have something to be compared with. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "vector", "torch"})
  void oneGroupLearnsAsTopK(String name) {
    EngineSpec spec =
        new EngineSpec(WIDTH, WIDTH, FEATURES, true, true, Optimiser.ADAM)
            .nested(List.of(7, FEATURES));
    try (Arena arena = Arena.ofConfined();
        Engine custom = engines(name).open(spec, parameters(arena, 3));
        Engine fast = engines(name).open(spec, parameters(arena, 3))) {
      for (int step = 1; step <= 5; step++) {
        Rows batch = rows(arena, 40, step);
        custom.encode(batch, new GroupTopK(4, 1));
        fast.encode(batch, new TopK(4));
        assertThat(custom.codeCount()).isEqualTo(fast.codeCount());
        assertThat(custom.decode(batch, true)).isCloseTo(fast.decode(batch, true), within(1e-4));
        for (Engine engine : List.of(custom, fast)) {
          engine.accumulate();
          engine.update(new AdamStep(step, 0.01, 0.9, 0.999, 1e-8));
        }
      }
      MemorySegment one = custom.parameters(arena).encoder();
      MemorySegment other = fast.parameters(arena).encoder();
      for (long i = 0; i < (long) FEATURES * WIDTH; i++) {
        assertThat(one.getAtIndex(FLOAT, i)).isCloseTo(other.getAtIndex(FLOAT, i), within(1e-4f));
      }
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @ValueSource(strings = {"reference", "vector", "torch"})
  void partsOfALargeBatchKeepTheirPlaces(String name) {
    int features = 1 << 15;
    EngineSpec spec = new EngineSpec(2, 2, features, false, false, Optimiser.NONE);
    try (Arena arena = Arena.ofConfined()) {
      DictionaryParameters p = DictionaryParameters.allocate(arena, 2, 2, features);
      for (int feature = 0; feature < features; feature++) {
        double angle = 2 * Math.PI * feature / features;
        p.encoder().setAtIndex(FLOAT, 2L * feature, (float) Math.cos(angle));
        p.encoder().setAtIndex(FLOAT, 2L * feature + 1, (float) Math.sin(angle));
      }
      try (Engine engine = engines(name).open(spec, p)) {
        Rows batch = rows(arena, 2, 70, 9);
        engine.encode(batch, new GroupTopK(3, 3));
        Codes codes = engine.codes();
        assertThat(codes.rows()).isEqualTo(70);
        for (int row = 0; row < 70; row++) {
          double best = 0;
          for (int entry = codes.offset(row); entry < codes.offset(row + 1); entry++) {
            best = Math.max(best, codes.value(entry));
          }
          // Some feature points nearly as the token does.
          double length = Math.hypot(batch.at(row, 0), batch.at(row, 1));
          assertThat(best).as("row %d", row).isCloseTo(length, within(1e-4 * length));
        }
      }
    }
  }

  @Test
  void aDictionaryIsWrittenReadAndServed() throws IOException {
    GroupTopK function = new GroupTopK(5, 3);
    Dictionary dictionary;
    try (Arena arena = Arena.ofShared()) {
      DictionaryConfig config =
          new DictionaryConfig("tiny", "a", "a", WIDTH, WIDTH, FEATURES, function, true, true);
      new Dictionary(config, parameters(arena, 3)).save(temp);
      dictionary = Dictionary.load(temp);
      assertThat(dictionary.config()).isEqualTo(config);
      assertThatThrownBy(() -> DictionaryFormat.SAELENS.write(dictionary, temp.resolve("foreign")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("SAELens has no activation group_topk; keep it in Sluice's format");
    }
    try (Arena arena = Arena.ofConfined();
        Engine engine = dictionary.open(EngineFactory.reference())) {
      int count = 20;
      Rows batch = rows(arena, count, 8);
      engine.encode(batch, function);
      Codes codes = engine.codes();
      float[] vectors = batch.memory().toArray(FLOAT);
      for (SparseEncoder.Weights weights :
          List.of(SparseEncoder.Weights.FLOAT32, SparseEncoder.Weights.INT8)) {
        SparseEncoder encoder = SparseEncoder.of(dictionary, weights);
        assertThat(encoder.k()).isEqualTo(5);
        int[] features = new int[count * 5];
        float[] values = new float[count * 5];
        int[] counts = new int[count];
        encoder.encode(vectors, features, values, counts);
        for (int row = 0; row < count; row++) {
          assertThat(counts[row]).isEqualTo(codes.offset(row + 1) - codes.offset(row));
          for (int i = 0; i < counts[row]; i++) {
            assertThat(features[row * 5 + i]).isEqualTo(codes.feature(codes.offset(row) + i));
            assertThat(values[row * 5 + i])
                .isCloseTo(codes.value(codes.offset(row) + i), within(1e-5f));
          }
        }
        int[] two = new int[2];
        float[] largest = new float[2];
        float[] first = java.util.Arrays.copyOf(vectors, WIDTH);
        assertThat(encoder.atMost(2).encode(first, two, largest)).isEqualTo(Math.min(2, counts[0]));
      }
    }
  }

  @Tag("slow")
  @Test
  void aRunLearnsResumesAndIsEvaluated() throws IOException {
    ActivationStore store = SyntheticStore.write(temp.resolve("store"), 2500, DType.F32, 7);
    TrainingConfig config =
        TrainerTest.small()
            .activation(new GroupTopK(4, 2))
            .steps(200)
            .checkpointEvery(40)
            .annealKFrom(8, 50)
            .build();
    Path run = temp.resolve("run");
    RunResult result;
    try (Trainer trainer = Trainer.start(store, config, EngineFactory.reference(), "test", run)) {
      result = trainer.run(TrainingListener.NONE);
    }
    assertThat(result.fvu()).isLessThan(0.3);
    assertThat(result.l0()).isBetween(1.0, 4.0);
    JsonNode settings =
        JSON.readTree(run.resolve("run.json").toFile()).path("config").path("activationSettings");
    assertThat(settings.toString()).isEqualTo("{\"k\":4,\"groups\":2}");
    Dictionary dictionary = Dictionary.load(run);
    assertThat(dictionary.config().activation()).isEqualTo(new GroupTopK(4, 2));
    Evaluation evaluation =
        Evaluator.evaluate(dictionary, store, engines("vector"), 512, 1000, done -> {});
    assertThat(evaluation.l0()).isBetween(1.0, 4.0);

    Path broken = temp.resolve("broken");
    TrainerTest.breakAt(store, EngineFactory.reference(), config, broken, 70);
    try (Trainer trainer = Trainer.resume(store, EngineFactory.reference(), broken)) {
      assertThat(trainer.config().sparsity()).isEqualTo(config.sparsity());
      trainer.run(TrainingListener.NONE);
    }
    assertThat(broken.resolve("dictionary.safetensors"))
        .hasSameBinaryContentAs(run.resolve("dictionary.safetensors"));
  }

  @Test
  void aFunctionThatChoosesTooManyIsNamed() {
    EngineSpec spec = new EngineSpec(WIDTH, WIDTH, FEATURES, false, false, Optimiser.NONE);
    try (Arena arena = Arena.ofConfined();
        Engine engine = EngineFactory.reference().open(spec, parameters(arena, 3))) {
      Rows batch = rows(arena, 4, 5);
      assertThatThrownBy(() -> engine.encode(batch, new GroupTopK(24, 2)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("k is 24, but the dictionary has only 23 features");
      assertThatThrownBy(() -> engine.encode(batch, new GroupTopK(1, 24)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("there are 24 groups, but only 23 features");
    }
  }

  private static DictionaryParameters parameters(Arena arena, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    DictionaryParameters p = DictionaryParameters.allocate(arena, WIDTH, WIDTH, FEATURES);
    for (MemorySegment part : List.of(p.encoder(), p.encoderBias(), p.decoder(), p.decoderBias())) {
      for (long i = 0; i < part.byteSize() / Float.BYTES; i++) {
        part.setAtIndex(FLOAT, i, (float) random.nextDouble(-1, 1));
      }
    }
    return p;
  }

  private static Rows rows(Arena arena, int count, long seed) {
    return rows(arena, WIDTH, count, seed);
  }

  private static Rows rows(Arena arena, int width, int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    MemorySegment memory = arena.allocate((long) count * width * Float.BYTES, 64);
    for (long i = 0; i < (long) count * width; i++) {
      memory.setAtIndex(FLOAT, i, (float) random.nextDouble(-2, 2));
    }
    return new Rows(memory, DType.F32, count, width);
  }
}

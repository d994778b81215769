package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.Dictionary;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.spec.Optimiser;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

public class TrainerTest {
  private static final EngineFactory ENGINES = EngineFactory.reference();
  private static final ObjectMapper JSON = new ObjectMapper();
  @TempDir private Path temp;
  private ActivationStore store;

  @BeforeEach
  void writeStore() throws IOException {
    store = SyntheticStore.write(temp.resolve("store"), 2500, DType.F32, 7);
  }

  @Test
  void learnsAndKeepsWhatARunFolderPromises() throws IOException {
    Path run = temp.resolve("run");
    RunResult result = train(store, small().steps(200).build(), run);
    assertThat(result.steps()).isEqualTo(200);
    assertThat(result.tokens()).isEqualTo(200 * 64);
    assertThat(result.fvu()).isLessThan(0.2);
    assertThat(result.l0()).isBetween(1.0, 4.0);

    List<String> lines = Files.readAllLines(run.resolve("metrics.jsonl"));
    assertThat(lines).hasSize(20);
    JsonNode first = JSON.readTree(lines.getFirst());
    assertThat(first.fieldNames())
        .toIterable()
        .containsExactly(
            "step",
            "tokens",
            "loss",
            "fvu",
            "l0",
            "deadFraction",
            "deadWindowTokens",
            "learningRate",
            "tokensPerSecond",
            "seconds",
            "screen");
    assertThat(first.get("fvu").asDouble()).isGreaterThan(2 * result.fvu());

    JsonNode description = JSON.readTree(run.resolve("run.json").toFile());
    assertThat(description.get("format").asText()).isEqualTo("sluice.run/1");
    assertThat(description.get("config").get("optimiser").asText()).isEqualTo("adam");
    assertThat(description.get("result").get("fvu").asDouble()).isEqualTo(result.fvu());
    assertThat(files(run))
        .containsExactlyInAnyOrder(
            ".lock", "run.json", "metrics.jsonl", "dictionary.json", "dictionary.safetensors");
  }

  @Tag("slow")
  @Test
  void exportedWeightsWorkOnRawActivations() throws IOException {
    Path run = temp.resolve("run");
    RunResult result = train(store, small().steps(150).logEvery(50).build(), run);
    Evaluation evaluation =
        Evaluator.evaluate(Dictionary.load(run), store, ENGINES, 512, Long.MAX_VALUE, done -> {});
    // The run's number is from its last batches, while it was still learning.
    assertThat(evaluation.fvu()).isCloseTo(result.fvu(), within(0.3 * result.fvu()));
    assertThat(evaluation.l0()).isCloseTo(result.l0(), within(0.1));
    assertThat(evaluation.tokens()).isEqualTo(2500);
  }

  @Tag("slow")
  @Test
  void theSearchForTheStartingLengthCanBeLeftOut() throws IOException {
    double[] firstFvu = new double[2];
    for (int i = 0; i < 2; i++) {
      Path run = temp.resolve("run" + i);
      TrainingConfig config = small().normSearch(i == 0).steps(20).logEvery(1).build();
      train(store, config, run);
      JsonNode settings = JSON.readTree(run.resolve("run.json").toFile()).get("config");
      assertThat(settings.get("normSearch").asBoolean()).isEqualTo(i == 0);
      assertThat(settings.get("commonNorm").asDouble() == 1).isEqualTo(i == 1);
      String first = Files.readAllLines(run.resolve("metrics.jsonl")).getFirst();
      firstFvu[i] = JSON.readTree(first).get("fvu").asDouble();
    }
    assertThat(firstFvu[0]).isLessThan(firstFvu[1]);
  }

  @Tag("slow")
  @Test
  void aPenaltyMakesCodesFewer() throws IOException {
    double[] l0 = new double[2];
    for (int i = 0; i < 2; i++) {
      TrainingConfig config = small().activation("relu", i == 0 ? 0.01 : 1, 50).steps(200).build();
      Path run = temp.resolve("run" + i);
      RunResult result = train(store, config, run);
      assertThat(result.fvu()).isLessThan(0.4);
      l0[i] = result.l0();
      assertThat(Dictionary.load(run).config().activation()).isEqualTo(new ReLU());
      assertThat(Trainer.settings(run).path("activation").asText()).isEqualTo("relu");
    }
    assertThat(l0[1]).isLessThan(0.7 * l0[0]);
    assertThatThrownBy(() -> small().activation("topk", 1, 0).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("penalty");
    assertThatThrownBy(() -> small().activation("relu").build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("penalty");
  }

  @Tag("slow")
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void batchTopKLearnsAThresholdThatKeepsItsCount(boolean scoreByDecoderNorm) throws IOException {
    Path run = temp.resolve("run");
    TrainingConfig config =
        small()
            .activation("batchtopk")
            .scoreByDecoderNorm(scoreByDecoderNorm)
            .steps(300)
            .decaySteps(100)
            .logEvery(50)
            .build();
    RunResult result = train(store, config, run);
    Dictionary dictionary = Dictionary.load(run);
    assertThat(dictionary.config().activation())
        .isInstanceOfSatisfying(
            BatchTopK.class, batch -> assertThat(batch.threshold().getAsDouble()).isPositive());
    Evaluation evaluation =
        Evaluator.evaluate(dictionary, store, ENGINES, 100, Long.MAX_VALUE, done -> {});
    // One token at a time gives the same: the batch has no say any more.
    Evaluation single =
        Evaluator.evaluate(dictionary, store, ENGINES, 1, Long.MAX_VALUE, done -> {});
    assertThat(evaluation.l0()).isCloseTo(result.l0(), within(0.15 * result.l0()));
    assertThat(evaluation.fvu()).isCloseTo(result.fvu(), within(0.3 * result.fvu()));
    assertThat(single.l0()).isEqualTo(evaluation.l0());
  }

  @Tag("slow")
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "F16", "BF16"})
  void readsStoresOfEachType(DType dtype) throws IOException {
    ActivationStore narrow = SyntheticStore.write(temp.resolve("narrow"), 1500, dtype, 7);
    RunResult result = train(narrow, small().steps(100).build(), temp.resolve("run"));
    assertThat(result.fvu()).isLessThan(0.35);
  }

  @Test
  void activeSubspaceHasTheIntrinsicDimensionOfTheData() throws IOException {
    TrainingConfig config =
        small().start(new InitialDirections.ActiveSubspace(0, 0.999)).steps(1).build();
    try (Trainer trainer = Trainer.start(store, config, ENGINES, "asi", temp.resolve("run"))) {
      assertThat(trainer.startingPoint().subspaceDimensions())
          .isBetween(SyntheticStore.RANK - 2, SyntheticStore.RANK);
    }
  }

  @Test
  void startsAtTheMeanOnlyWhereCentringIsAskedFor() throws IOException {
    for (boolean centre : new boolean[] {true, false}) {
      TrainingConfig config = small().centre(centre).steps(1).build();
      try (Trainer trainer =
          Trainer.start(store, config, ENGINES, "run", temp.resolve("run" + centre))) {
        Dictionary dictionary = trainer.dictionary();
        double norm = 0;
        for (int i = 0; i < SyntheticStore.WIDTH; i++) {
          norm +=
              Math.abs(
                  dictionary
                      .parameters()
                      .decoderBias()
                      .getAtIndex(java.lang.foreign.ValueLayout.JAVA_FLOAT, i));
        }
        assertThat(norm > 1).isEqualTo(centre);
        assertThat(dictionary.config().subtractDecoderBias()).isEqualTo(centre);
      }
    }
  }

  @Test
  void namesColumnAndRowOfANaN() throws IOException {
    ActivationStore bad = SyntheticStore.writeWithNaN(temp.resolve("bad"), 1200, 3, 1017);
    assertThatThrownBy(() -> train(bad, small().steps(100).build(), temp.resolve("run")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(SyntheticStore.HOOK)
        .hasMessageContaining("row 1017")
        .hasMessageContaining("NaN");
    assertThat(temp.resolve("run").resolve("run.json")).doesNotExist();
  }

  @Test
  void unknownHookListsThoseThereAre() {
    TrainingConfig config = TrainingConfig.of("layers.9.z").build();
    assertThatThrownBy(() -> train(store, config, temp.resolve("run")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layers.9.z")
        .hasMessageContaining(SyntheticStore.HOOK);
    assertThat(temp.resolve("run")).doesNotExist();
  }

  @Test
  void refusesASecondRunInTheSameFolder() throws IOException {
    Path run = temp.resolve("run");
    TrainingConfig config = small().steps(20).build();
    try (Trainer first = Trainer.start(store, config, ENGINES, "first", run)) {
      assertThatThrownBy(() -> Trainer.start(store, config, ENGINES, "second", run))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("another run is writing");
      assertThatThrownBy(() -> Trainer.resume(store, ENGINES, run))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("another run is writing");
      first.run(TrainingListener.NONE);
    }
    assertThatThrownBy(() -> Trainer.start(store, config, ENGINES, "third", run))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("holds a run already");
    assertThatThrownBy(() -> Trainer.resume(store, ENGINES, run))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("complete");
  }

  @Tag("slow")
  @Test
  void resumesFromTheCheckpointToTheSameBits() throws IOException {
    for (Optimiser optimiser : List.of(Optimiser.ADAM, Optimiser.SPARSE_ADAM)) {
      TrainingConfig config =
          small()
              .optimiser(optimiser)
              .activation(optimiser == Optimiser.ADAM ? "topk" : "batchtopk")
              .steps(90)
              .checkpointEvery(20)
              .build();
      Path whole = temp.resolve("whole-" + optimiser);
      train(store, config, whole);
      Path broken = temp.resolve("broken-" + optimiser);
      breakAt(config, broken, 53);
      try (Trainer trainer = Trainer.resume(store, ENGINES, broken)) {
        assertThat(trainer.step()).isEqualTo(40);
        trainer.run(TrainingListener.NONE);
      }
      assertThat(broken.resolve("dictionary.safetensors"))
          .hasSameBinaryContentAs(whole.resolve("dictionary.safetensors"));
      assertThat(untimed(broken)).isEqualTo(untimed(whole));
    }
  }

  @Tag("slow")
  @Test
  void momentsInBfloat16ResumeToTheSameBitsInASmallerCheckpoint() throws IOException {
    for (Optimiser optimiser : List.of(Optimiser.ADAM, Optimiser.SPARSE_ADAM)) {
      TrainingConfig config =
          small().optimiser(optimiser).moments(DType.BF16).steps(50).checkpointEvery(20).build();
      Path whole = temp.resolve("rounded-whole-" + optimiser);
      train(store, config, whole);
      Path broken = temp.resolve("rounded-broken-" + optimiser);
      breakAt(config, broken, 33);
      Path checkpoint = broken.resolve("checkpoint-000000020.safetensors");
      Path usual = temp.resolve("usual-" + optimiser);
      breakAt(small().optimiser(optimiser).steps(50).checkpointEvery(20).build(), usual, 33);
      assertThat((double) Files.size(checkpoint))
          .isLessThan(0.75 * Files.size(usual.resolve(checkpoint.getFileName())));
      try (Trainer trainer = Trainer.resume(store, ENGINES, broken)) {
        assertThat(trainer.step()).isEqualTo(20);
        assertThat(trainer.config().moments()).isEqualTo(DType.BF16);
        trainer.run(TrainingListener.NONE);
      }
      assertThat(broken.resolve("dictionary.safetensors"))
          .hasSameBinaryContentAs(whole.resolve("dictionary.safetensors"));
      assertThat(untimed(broken)).isEqualTo(untimed(whole));
    }
  }

  @Test
  void damagedCheckpointIsNamedWithWhatToDo() throws IOException {
    TrainingConfig config = small().steps(90).checkpointEvery(20).build();
    Path run = temp.resolve("run");
    breakAt(config, run, 50);
    Path newest = run.resolve("checkpoint-000000040.safetensors");
    byte[] good = Files.readAllBytes(newest);
    for (long place : new long[] {3, 20, 200, good.length / 2, good.length - 1}) {
      try (RandomAccessFile file = new RandomAccessFile(newest.toFile(), "rw")) {
        file.seek(place);
        file.write(good[(int) place] ^ 0x10);
      }
      assertResumeFails(run, newest);
      Files.write(newest, good);
    }
    Files.write(newest, java.util.Arrays.copyOf(good, good.length - 100));
    assertResumeFails(run, newest);
    Files.write(newest, new byte[0]);
    assertResumeFails(run, newest);
    Files.delete(newest);
    try (Trainer trainer = Trainer.resume(store, ENGINES, run)) {
      assertThat(trainer.step()).isEqualTo(20);
    }
  }

  @Test
  void anotherStoreIsRefusedOnResume() throws IOException {
    Path run = temp.resolve("run");
    breakAt(small().steps(50).checkpointEvery(10).build(), run, 15);
    ActivationStore other = SyntheticStore.write(temp.resolve("other"), 2400, DType.F32, 8);
    assertThatThrownBy(() -> Trainer.resume(other, ENGINES, run))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("2500 rows")
        .hasMessageContaining("2400 rows");
  }

  @Test
  void schedulesRiseAndFall() {
    TrainingConfig config =
        TrainingConfig.of("x")
            .features(100)
            .k(10)
            .annealKFrom(30, 20)
            .learningRate(1)
            .steps(100)
            .warmupSteps(10)
            .decaySteps(20)
            .build();
    assertThat(config.schedule().learningRate(1)).isCloseTo(0.1, within(1e-12));
    assertThat(config.schedule().learningRate(10)).isEqualTo(1);
    assertThat(config.schedule().learningRate(81)).isEqualTo(1);
    assertThat(config.schedule().learningRate(91)).isCloseTo(0.5, within(1e-12));
    assertThat(config.schedule().learningRate(100)).isCloseTo(0.05, within(1e-12));
    assertThat(config.k(1)).isEqualTo(30);
    assertThat(config.k(11)).isEqualTo(20);
    assertThat(config.k(21)).isEqualTo(10);
    assertThat(config.k(100)).isEqualTo(10);
    assertThatThrownBy(() -> TrainingConfig.of("x").features(8).k(9).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("9")
        .hasMessageContaining("8");
  }

  private void assertResumeFails(Path run, Path checkpoint) {
    assertThatThrownBy(() -> Trainer.resume(store, ENGINES, run).close())
        .isInstanceOf(IOException.class)
        .hasMessageContaining(checkpoint.getFileName().toString())
        .hasMessageContaining("delete it to continue from checkpoint-000000020")
        .message()
        .doesNotContain("\n");
    assertThat(checkpoint).exists();
  }

  public static TrainingConfigBuilder small() {
    return TrainingConfig.of(SyntheticStore.HOOK)
        .features(64)
        .k(4)
        .batch(64)
        .learningRate(5e-3)
        .deadWindow(2000)
        .logEvery(10)
        .sampleRows(1200)
        .seed(11);
  }

  private static RunResult train(ActivationStore store, TrainingConfig config, Path run)
      throws IOException {
    try (Trainer trainer = Trainer.start(store, config, ENGINES, "test", run)) {
      return trainer.run(TrainingListener.NONE);
    }
  }

  /** Trains until {@code step} and stops there as if the process had ended. */
  private void breakAt(TrainingConfig config, Path run, long step) throws IOException {
    breakAt(store, ENGINES, config, run, step);
  }

  static void breakAt(
      ActivationStore store, EngineFactory engines, TrainingConfig config, Path run, long step)
      throws IOException {
    class Stop extends RuntimeException {
      private static final long serialVersionUID = 1;
    }
    try (Trainer trainer = Trainer.start(store, config, engines, "test", run)) {
      trainer.run(
          new TrainingListener() {
            @Override
            public void stepped(long done, long tokens) {
              if (done == step) {
                throw new Stop();
              }
            }
          });
    } catch (Stop e) {
      return;
    }
    throw new AssertionError("the run ended before step " + step);
  }

  /** The metrics without what depends on the clock. */
  public static List<JsonNode> untimed(Path run) throws IOException {
    List<JsonNode> lines = new java.util.ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      var node = (com.fasterxml.jackson.databind.node.ObjectNode) JSON.readTree(line);
      lines.add(node.without(List.of("tokensPerSecond", "seconds", "screen")));
    }
    return lines;
  }

  private static List<String> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }
}

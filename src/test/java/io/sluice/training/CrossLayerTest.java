package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.Optimiser;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.training.config.InitialEncoder;
import io.sluice.training.config.Kind;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Training of cross-layer transcoders, on causes that show in an input and later outputs. */
@Tag("slow")
class CrossLayerTest {
  private static final EngineFactory ENGINES = EngineFactory.vector(Workers.of(1));
  private static final List<String> READS = LayeredStore.READS;
  private static final List<String> WRITES = LayeredStore.WRITES;

  @TempDir private Path temp;
  private ActivationStore store;

  @BeforeEach
  void writeStore() throws IOException {
    store = LayeredStore.write(temp.resolve("store"), 2500, 5);
  }

  @ParameterizedTest(name = "centred {0}, by norm {1}, {2}")
  @CsvSource({"true, false, ADAM", "true, true, SPARSE_ADAM", "false, false, ADAM"})
  void exportedWeightsWorkOnRawActivations(boolean centre, boolean byNorm, Optimiser optimiser)
      throws IOException {
    Path run = temp.resolve("run");
    RunResult result =
        train(
            small()
                .centre(centre)
                .scoreByDecoderNorm(byNorm)
                .optimiser(optimiser)
                .steps(500)
                .decaySteps(200)
                .logEvery(50)
                .build(),
            run);
    assertThat(result.fvu()).isLessThan(0.5);
    assertThat(result.l0()).isBetween(4.0, 6.0);
    CrossLayerDictionary dictionary = CrossLayerDictionary.load(run);
    assertThat(dictionary.inputs())
        .containsExactly(new Site(READS.get(0), 16), new Site(READS.get(1), 18));
    assertThat(dictionary.outputs())
        .containsExactly(new Site(WRITES.get(0), 12), new Site(WRITES.get(1), 14));
    Evaluation evaluation =
        Evaluator.evaluate(
            dictionary, store, RowFilter.ALL, ENGINES, 512, Long.MAX_VALUE, done -> {});
    assertThat(evaluation.l0()).isCloseTo(result.l0(), within(0.2));
    assertThat(evaluation.sites()).extracting(Evaluation.SiteFvu::hook).isEqualTo(WRITES);
    double less = Math.min(evaluation.sites().get(0).fvu(), evaluation.sites().get(1).fvu());
    double more = Math.max(evaluation.sites().get(0).fvu(), evaluation.sites().get(1).fvu());
    assertThat(result.fvu()).isBetween(0.8 * less, 1.2 * more);
  }

  @Test
  void aPulledBackStartIsAheadOfARandomOne() throws IOException {
    double[] fvu = new double[2];
    for (int i = 0; i < 2; i++) {
      InitialEncoder start = i == 0 ? InitialEncoder.PULL_BACK : InitialEncoder.RANDOM;
      TrainingConfig config = small().kind(kind(READS.get(1), start)).steps(40).build();
      fvu[i] = train(config, temp.resolve("run" + i)).fvu();
    }
    assertThat(fvu[0]).isLessThan(fvu[1]);
  }

  @Test
  void resumesToTheSameBits() throws IOException {
    TrainingConfig config =
        small().optimiser(Optimiser.SPARSE_ADAM).steps(60).checkpointEvery(20).build();
    Path whole = temp.resolve("whole");
    train(config, whole);
    Path broken = temp.resolve("broken");
    TrainerTest.breakAt(store, ENGINES, config, broken, 33);
    try (Trainer trainer = Trainer.resume(store, ENGINES, broken)) {
      assertThat(trainer.step()).isEqualTo(20);
      trainer.run(TrainingListener.NONE);
    }
    for (String layer : List.of("layer-00", "layer-01")) {
      assertThat(broken.resolve(layer).resolve("dictionary.safetensors"))
          .hasSameBinaryContentAs(whole.resolve(layer).resolve("dictionary.safetensors"));
    }
    assertThat(TrainerTest.untimed(broken)).isEqualTo(TrainerTest.untimed(whole));
  }

  @Test
  void whatDoesNotFitIsRefused() throws IOException {
    assertThatThrownBy(() -> small().kind(kind(WRITES.get(0), InitialEncoder.PULL_BACK)).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'" + WRITES.get(0) + "' is named twice");
    assertThatThrownBy(
            () -> new Kind.CrossLayerTranscoder(List.of("a"), List.of("b"), InitialEncoder.TIED))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2 and 1");
    assertThatThrownBy(() -> small().activation("batchtopk").build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("topk or relu");
    assertThatThrownBy(
            () ->
                train(
                    small().kind(kind("layers.9.z", InitialEncoder.PULL_BACK)).build(),
                    temp.resolve("none")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layers.9.z")
        .hasMessageContaining(WRITES.get(1));
    assertThat(temp.resolve("none")).doesNotExist();

    Path run = temp.resolve("run");
    train(small().steps(5).build(), run);
    Path list = run.resolve("cross-layer.json");
    String good = Files.readString(list);
    for (String bad :
        List.of(
            good.replace("layer-01", "layer-00"),
            good.replace("layer-01", "../run"),
            good.replace("sluice.cross-layer/1", "other"),
            good.replace("[", "{"),
            "{}")) {
      Files.writeString(list, bad);
      assertThatThrownBy(() -> CrossLayerDictionary.load(run))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("cross-layer.json");
    }
  }

  private RunResult train(TrainingConfig config, Path run) throws IOException {
    try (Trainer trainer = Trainer.start(store, config, ENGINES, "test", run)) {
      return trainer.run(TrainingListener.NONE);
    }
  }

  private static Kind kind(String second, InitialEncoder start) {
    return new Kind.CrossLayerTranscoder(List.of(second), WRITES, start);
  }

  private static TrainingConfigBuilder small() {
    return TrainingConfig.of(READS.getFirst())
        .kind(kind(READS.get(1), InitialEncoder.PULL_BACK))
        .features(48)
        .k(3)
        .batch(64)
        .learningRate(5e-3)
        .deadWindow(2000)
        .logEvery(10)
        .sampleRows(1200)
        .seed(11);
  }
}

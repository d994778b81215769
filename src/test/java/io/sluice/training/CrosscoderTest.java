package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.dictionary.formats.Origin;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.Optimiser;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.Kind;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.TrainingListener;
import io.sluice.training.start.StartingPoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Training of dictionaries that several hook points share. */
@Tag("slow")
class CrosscoderTest {
  private static final EngineFactory ENGINES = EngineFactory.vector(Workers.of(1));
  private static final List<Site> SITES =
      List.of(
          new Site(PairedStore.INPUT, PairedStore.INPUT_WIDTH),
          new Site(PairedStore.TARGET, PairedStore.TARGET_WIDTH));

  @TempDir private Path temp;
  private ActivationStore store;

  @BeforeEach
  void writeStore() throws IOException {
    store = PairedStore.write(temp.resolve("store"), 2500, DType.F32, 5);
  }

  @ParameterizedTest(name = "{0}, centred {1}, by norm {2}, {3}")
  @CsvSource({
    "F32, true, false, topk",
    "BF16, true, true, topk",
    "F32, false, true, topk",
    "F32, true, true, batchtopk"
  })
  void exportedWeightsWorkOnRawActivations(
      DType dtype, boolean centre, boolean byNorm, String activation) throws IOException {
    ActivationStore typed = PairedStore.write(temp.resolve("typed"), 2500, dtype, 5);
    Path run = temp.resolve("run");
    RunResult result =
        train(
            typed,
            small()
                .activation(activation)
                .centre(centre)
                .scoreByDecoderNorm(byNorm)
                .steps(600)
                .decaySteps(300)
                .logEvery(50)
                .build(),
            run);
    assertThat(result.fvu()).isLessThan(0.3);
    Dictionary dictionary = Dictionary.load(run);
    assertThat(dictionary.config().sites()).isEqualTo(SITES);
    assertThat(dictionary.config().inputs()).isEqualTo(SITES);
    assertThat(dictionary.config().inputWidth()).isEqualTo(48);
    assertThat(dictionary.config().scoreByDecoderNorm()).isFalse();
    Evaluation evaluation =
        Evaluator.evaluate(dictionary, typed, ENGINES, 512, Long.MAX_VALUE, done -> {});
    assertThat(evaluation.l0()).isCloseTo(result.l0(), within(0.15 * result.l0()));
    assertThat(evaluation.sites())
        .extracting(Evaluation.SiteFvu::hook)
        .containsExactly(PairedStore.INPUT, PairedStore.TARGET);
    // Sites are scaled alike in training, so its number lies between theirs.
    double less = Math.min(evaluation.sites().get(0).fvu(), evaluation.sites().get(1).fvu());
    double more = Math.max(evaluation.sites().get(0).fvu(), evaluation.sites().get(1).fvu());
    assertThat(result.fvu()).isBetween(0.8 * less, 1.2 * more);
  }

  @Test
  void everySiteHasAScaleAndASubspaceOfItsOwn() throws IOException {
    TrainingConfig config =
        small().start(new InitialDirections.ActiveSubspace(0, 0.97)).steps(1).build();
    try (Trainer trainer = Trainer.start(store, config, ENGINES, "test", temp.resolve("run"))) {
      StartingPoint start = trainer.startingPoint();
      assertThat(start.inputs()).isEqualTo(start.outputs()).hasSize(2);
      assertThat(start.outputs().get(1).scale() / start.outputs().get(0).scale())
          .isNotCloseTo(1, within(0.3));
      assertThat(start.subspaceDimensions())
          .isBetween(2 * (PairedStore.RANK - 2), 2 * PairedStore.RANK);
    }
  }

  @Test
  void activeSubspacesStartAheadOfRandomDirections() throws IOException {
    for (int seed = 0; seed < 3; seed++) {
      ActivationStore other = PairedStore.write(temp.resolve("s" + seed), 1500, DType.F32, seed);
      double[] fvu = new double[2];
      for (int i = 0; i < 2; i++) {
        InitialDirections start =
            i == 0 ? new InitialDirections.ActiveSubspace(0, 0.97) : new InitialDirections.Random();
        TrainingConfig config = small().seed(seed).start(start).steps(20).build();
        fvu[i] = train(other, config, temp.resolve("r" + seed + i)).fvu();
      }
      assertThat(fvu[0]).as("seed %d", seed).isLessThan(fvu[1]);
    }
  }

  @Test
  void resumesToTheSameBits() throws IOException {
    TrainingConfig config =
        small()
            .optimiser(Optimiser.SPARSE_ADAM)
            .scoreByDecoderNorm(true)
            .steps(60)
            .checkpointEvery(20)
            .build();
    Path whole = temp.resolve("whole");
    train(store, config, whole);
    Path broken = temp.resolve("broken");
    TrainerTest.breakAt(store, ENGINES, config, broken, 33);
    try (Trainer trainer = Trainer.resume(store, ENGINES, broken)) {
      trainer.run(TrainingListener.NONE);
    }
    assertThat(broken.resolve("dictionary.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("dictionary.safetensors"));
    assertThat(TrainerTest.untimed(broken)).isEqualTo(TrainerTest.untimed(whole));
  }

  @Test
  void whatDoesNotFitIsRefused() throws IOException {
    assertThatThrownBy(() -> small().kind(new Kind.Crosscoder(List.of())).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("two hook points or more");
    assertThatThrownBy(() -> small().kind(new Kind.Crosscoder(List.of(PairedStore.INPUT))).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'" + PairedStore.INPUT + "' is named twice");
    assertThatThrownBy(
            () ->
                train(
                    store,
                    small().kind(new Kind.Crosscoder(List.of("layers.9.z"))).build(),
                    temp.resolve("none")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layers.9.z")
        .hasMessageContaining(PairedStore.TARGET);
    assertThat(temp.resolve("none")).doesNotExist();

    Path run = temp.resolve("run");
    train(store, small().steps(10).build(), run);
    Dictionary dictionary = Dictionary.load(run);
    for (DictionaryFormat format : DictionaryFormat.values()) {
      if (format.isWritten() && format != DictionaryFormat.SLUICE) {
        assertThatThrownBy(() -> format.write(dictionary, temp.resolve("foreign")))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("several hook points");
      }
    }
    assertThat(temp.resolve("foreign")).doesNotExist();
    Origin renamed =
        new Origin(
            Optional.empty(), Optional.of("other"), Optional.empty(), OptionalDouble.empty());
    assertThatThrownBy(() -> DictionaryFormat.SLUICE.read(run, renamed))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("several hook points");
    Path config = run.resolve("dictionary.json");
    String text = Files.readString(config);
    Files.writeString(config, text.replace("\"width\" : 28", "\"width\" : 27"));
    assertThatThrownBy(() -> Dictionary.load(run))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("dictionary.json")
        .hasMessageContaining("do not make up");
  }

  private static RunResult train(ActivationStore store, TrainingConfig config, Path run)
      throws IOException {
    try (Trainer trainer = Trainer.start(store, config, ENGINES, "test", run)) {
      return trainer.run(TrainingListener.NONE);
    }
  }

  private static TrainingConfigBuilder small() {
    return TrainingConfig.of(PairedStore.INPUT)
        .kind(new Kind.Crosscoder(List.of(PairedStore.TARGET)))
        .features(64)
        .k(4)
        .batch(64)
        .learningRate(5e-3)
        .deadWindow(2000)
        .logEvery(10)
        .sampleRows(1200)
        .seed(11);
  }
}

package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.Dictionary;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.Optimiser;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.PenaltyConfig;
import io.sluice.training.config.PenaltyKind;
import io.sluice.training.config.Remedies;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Sparsity that is learned, by thresholds or gates, or bought by a penalty. */
@Tag("slow")
class LearnedSparsityTest {
  private static final EngineFactory ENGINES = EngineFactory.vector(Workers.allCores());
  @TempDir private Path temp;
  private ActivationStore store;

  @BeforeEach
  void writeStore() throws IOException {
    store = SyntheticStore.write(temp.resolve("store"), 2500, DType.F32, 7);
  }

  static Stream<Arguments> penalties() {
    return Stream.of(
        Arguments.of("jumprelu", PenaltyConfig.of(PenaltyKind.L0, 0.1, 50)),
        Arguments.of("jumprelu", PenaltyConfig.of(PenaltyKind.L1, 0.05, 50)),
        Arguments.of("jumprelu", PenaltyConfig.of(PenaltyKind.TANH, 0.1, 50)),
        Arguments.of("gated", PenaltyConfig.of(PenaltyKind.L1, 0.05, 50)),
        Arguments.of(
            "relu", PenaltyConfig.of(PenaltyKind.POWER, 0.05, 50).annealing(0.3, 60, 180, 5)));
  }

  private TrainingConfigBuilder config(String kind, PenaltyConfig penalty) {
    return TrainerTest.small().activation(kind, penalty).bandwidth(0.2);
  }

  @ParameterizedTest
  @MethodSource("penalties")
  void learnsWhatItIsUsedAs(String kind, PenaltyConfig penalty) throws IOException {
    Path run = temp.resolve("run");
    TrainingConfig config = config(kind, penalty).steps(300).decaySteps(150).logEvery(20).build();
    RunResult result = train(config, run);
    assertThat(result.fvu()).isLessThan(0.4);
    Dictionary dictionary = Dictionary.load(run);
    assertThat(dictionary.config().activation().label()).isEqualTo(kind);
    Evaluation evaluation =
        Evaluator.evaluate(dictionary, store, ENGINES, 100, Long.MAX_VALUE, done -> {});
    assertThat(evaluation.l0()).isCloseTo(result.l0(), within(0.05 * result.l0()));
    assertThat(evaluation.fvu()).isCloseTo(result.fvu(), within(0.05 * result.fvu() + 0.005));
  }

  @Test
  void thresholdsAndGatesAreFoldedWithTheInputsMap() throws IOException {
    for (String kind : new String[] {"jumprelu", "gated"}) {
      Path run = temp.resolve(kind);
      TrainingConfig config =
          config(kind, PenaltyConfig.of(PenaltyKind.L1, 0.05, 50))
              .remedies(Remedies.NONE.whitened(1e-4))
              .steps(200)
              .decaySteps(100)
              .build();
      RunResult result = train(config, run);
      Evaluation evaluation =
          Evaluator.evaluate(Dictionary.load(run), store, ENGINES, 100, Long.MAX_VALUE, done -> {});
      assertThat(evaluation.l0()).isCloseTo(result.l0(), within(0.1 * result.l0()));
      assertThat(evaluation.fvu()).isCloseTo(result.fvu(), within(0.1 * result.fvu() + 0.005));
    }
  }

  @ParameterizedTest
  @MethodSource("penalties")
  void aDearerCodeIsARarerOne(String kind, PenaltyConfig penalty) throws IOException {
    double[] l0 = new double[2];
    for (int i = 0; i < 2; i++) {
      PenaltyConfig dearer =
          new PenaltyConfig(
              penalty.kind(),
              penalty.weight() * (1 + 99 * i),
              penalty.steps(),
              penalty.scale(),
              penalty.lastExponent(),
              penalty.from(),
              penalty.to(),
              penalty.stages());
      l0[i] = train(config(kind, dearer).steps(200).build(), temp.resolve("run" + i)).l0();
    }
    assertThat(l0[1]).isLessThan(0.8 * l0[0]);
  }

  @Test
  void learnedThresholdsAndGatesStartWhereKFeaturesFire() throws IOException {
    for (String kind : new String[] {"jumprelu", "gated"}) {
      Path run = temp.resolve(kind);
      PenaltyConfig penalty = PenaltyConfig.of(PenaltyKind.L1, 1e-6, 0);
      train(config(kind, penalty).steps(30).logEvery(30).learningRate(1e-9).build(), run);
      JsonNode first =
          new ObjectMapper().readTree(Files.readAllLines(run.resolve("metrics.jsonl")).getFirst());
      assertThat(first.get("l0").asDouble()).as(kind).isCloseTo(4, within(0.4));
    }
  }

  @ParameterizedTest
  @MethodSource("penalties")
  void resumesToTheSameBits(String kind, PenaltyConfig penalty) throws IOException {
    for (Optimiser optimiser : new Optimiser[] {Optimiser.ADAM, Optimiser.SPARSE_ADAM}) {
      TrainingConfig config =
          config(kind, penalty).optimiser(optimiser).steps(130).checkpointEvery(35).build();
      Path whole = temp.resolve("whole-" + optimiser);
      train(config, whole);
      Path broken = temp.resolve("broken-" + optimiser);
      // Step 105 is a checkpoint, and p-annealing is then between two changes.
      stopAfter(config, broken, 109);
      try (Trainer trainer = Trainer.resume(store, ENGINES, broken)) {
        assertThat(trainer.step()).isEqualTo(105);
        assertThat(trainer.config().sparsity()).isEqualTo(config.sparsity());
        trainer.run(TrainingListener.NONE);
      }
      assertThat(broken.resolve("dictionary.safetensors"))
          .hasSameBinaryContentAs(whole.resolve("dictionary.safetensors"));
      assertThat(TrainerTest.untimed(broken)).isEqualTo(TrainerTest.untimed(whole));
    }
  }

  @Test
  void signedAndNestedDictionariesLearnAndResume() throws IOException {
    for (String kind : new String[] {"abstopk", "topk", "batchtopk", "matching_pursuit"}) {
      TrainingConfig config =
          TrainerTest.small()
              .activation(kind)
              .prefixes(
                  kind.equals("topk") || kind.equals("batchtopk") ? List.of(8, 24) : List.of())
              .residual(kind.equals("matching_pursuit") ? 0.3 : 0)
              .optimiser(kind.equals("topk") ? Optimiser.SPARSE_ADAM : Optimiser.ADAM)
              .steps(200)
              .checkpointEvery(50)
              .build();
      Path whole = temp.resolve("whole-" + kind);
      RunResult result = train(config, whole);
      assertThat(result.fvu()).as(kind).isLessThan(0.25);
      Path broken = temp.resolve("broken-" + kind);
      stopAfter(config, broken, 170);
      try (Trainer trainer = Trainer.resume(store, ENGINES, broken)) {
        assertThat(trainer.config().sparsity()).isEqualTo(config.sparsity());
        trainer.run(TrainingListener.NONE);
      }
      assertThat(broken.resolve("dictionary.safetensors"))
          .hasSameBinaryContentAs(whole.resolve("dictionary.safetensors"));
      Dictionary dictionary = Dictionary.load(whole);
      assertThat(dictionary.config().activation().label()).isEqualTo(kind);
      Evaluation evaluation =
          Evaluator.evaluate(dictionary, store, ENGINES, 100, Long.MAX_VALUE, done -> {});
      assertThat(evaluation.fvu()).isCloseTo(result.fvu(), within(0.4 * result.fvu()));
    }
  }

  @Test
  void theFirstFeaturesOfANestedDictionaryReconstructByThemselves() throws IOException {
    double[] fvu = new double[2];
    for (int i = 0; i < 2; i++) {
      TrainingConfig config =
          TrainerTest.small()
              .activation("batchtopk")
              .prefixes(i == 0 ? List.of() : List.of(12))
              .steps(300)
              .build();
      Path run = temp.resolve("run" + i);
      train(config, run);
      fvu[i] = Evaluator.evaluate(prefix(run), store, ENGINES, 100, 1, done -> {}).fvu();
    }
    assertThat(fvu[1]).isLessThan(0.8 * fvu[0]);
  }

  /** The dictionary of a run, whose features after the twelfth decode to nothing. */
  private static Dictionary prefix(Path run) throws IOException {
    Dictionary dictionary = Dictionary.load(run);
    DictionaryParameters p = dictionary.parameters();
    DictionaryParameters cut =
        DictionaryParameters.allocate(
            Arena.ofAuto(), p.inputWidth(), p.outputWidth(), p.features());
    cut.encoder().copyFrom(p.encoder());
    cut.encoderBias().copyFrom(p.encoderBias());
    cut.decoderBias().copyFrom(p.decoderBias());
    long kept = 12L * p.outputWidth() * Float.BYTES;
    cut.decoder().asSlice(0, kept).copyFrom(p.decoder().asSlice(0, kept));
    return new Dictionary(dictionary.config(), cut);
  }

  @Test
  void theExponentFallsInStages() {
    PenaltyConfig penalty = PenaltyConfig.of(PenaltyKind.POWER, 2, 10).annealing(0.2, 100, 200, 4);
    assertThat(penalty.weight(5)).isEqualTo(1);
    assertThat(penalty.weight(10)).isEqualTo(2);
    assertThat(penalty.exponent(1)).isEqualTo(1);
    assertThat(penalty.exponent(124)).isEqualTo(1);
    assertThat(penalty.exponent(125)).isCloseTo(0.8, within(1e-12));
    assertThat(penalty.exponent(199)).isCloseTo(0.4, within(1e-12));
    assertThat(penalty.exponent(200)).isCloseTo(0.2, within(1e-12));
    assertThat(penalty.exponent(1000)).isCloseTo(0.2, within(1e-12));
  }

  @Test
  void refusesWhatDoesNotGoTogether() {
    assertThatThrownBy(() -> TrainerTest.small().activation("gated").build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("gated");
    PenaltyConfig count = PenaltyConfig.of(PenaltyKind.L0, 1, 0);
    assertThatThrownBy(() -> TrainerTest.small().activation("relu", count).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("needs jumprelu");
    assertThatThrownBy(() -> TrainerTest.small().prefixes(List.of(8, 64)).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("64 features");
    assertThatThrownBy(
            () ->
                TrainerTest.small().activation("jumprelu", count).scoreByDecoderNorm(true).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("decoder norm");
  }

  private RunResult train(TrainingConfig config, Path run) throws IOException {
    try (Trainer trainer = Trainer.start(store, config, ENGINES, "test", run)) {
      return trainer.run(TrainingListener.NONE);
    }
  }

  /** Trains until {@code step} and stops there as if the process had ended. */
  private void stopAfter(TrainingConfig config, Path run, long step) throws IOException {
    try (Trainer trainer = Trainer.start(store, config, ENGINES, "test", run)) {
      assertThatThrownBy(() -> trainer.run(new FailingAt(step))).hasMessage("stopped");
    }
  }
}

package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.Dictionary;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.Optimiser;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.InitialEncoder;
import io.sluice.training.config.Kind;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.TrainingListener;
import io.sluice.training.start.Sample;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Training of dictionaries that read one hook point and write another. */
@Tag("slow")
class TranscoderTest {
  private static final EngineFactory ENGINES = EngineFactory.vector(Workers.of(1));

  @TempDir private Path temp;
  private ActivationStore store;

  @BeforeEach
  void writeStore() throws IOException {
    store = PairedStore.write(temp.resolve("store"), 2500, DType.F32, 5);
  }

  @ParameterizedTest(name = "{0}, centred {1}, normalised {2}, by norm {3}")
  @CsvSource({
    "F32, true, true, false",
    "F16, true, true, true",
    "BF16, false, true, false",
    "F32, true, false, true",
    "F32, false, false, false"
  })
  void exportedWeightsWorkOnRawActivations(
      DType dtype, boolean centre, boolean normalise, boolean byNorm) throws IOException {
    ActivationStore typed = PairedStore.write(temp.resolve("typed"), 2500, dtype, 5);
    Path run = temp.resolve("run");
    RunResult result =
        train(
            typed,
            small()
                .centre(centre)
                .normalise(normalise)
                .scoreByDecoderNorm(byNorm)
                .steps(300)
                .decaySteps(100)
                .logEvery(50)
                .build(),
            run);
    assertThat(result.fvu()).isLessThan(0.4);
    Dictionary dictionary = Dictionary.load(run);
    assertThat(dictionary.config().inputHook()).isEqualTo(PairedStore.INPUT);
    assertThat(dictionary.config().outputHook()).isEqualTo(PairedStore.TARGET);
    assertThat(dictionary.config().inputWidth()).isEqualTo(PairedStore.INPUT_WIDTH);
    assertThat(dictionary.config().outputWidth()).isEqualTo(PairedStore.TARGET_WIDTH);
    assertThat(dictionary.config().subtractDecoderBias()).isFalse();
    Evaluation evaluation =
        Evaluator.evaluate(dictionary, typed, ENGINES, 512, Long.MAX_VALUE, done -> {});
    assertThat(evaluation.fvu()).isCloseTo(result.fvu(), within(0.15 * result.fvu()));
    assertThat(evaluation.l0()).isCloseTo(result.l0(), within(0.1));
  }

  @Test
  void startsAtTheMeanOfTheTarget() throws IOException {
    try (Trainer trainer = start(small().steps(1).build(), "mean")) {
      double[] mean = new double[PairedStore.TARGET_WIDTH];
      Sample sample =
          Sample.of(
              store,
              trainer.config(),
              List.of(PairedStore.TARGET),
              new int[] {PairedStore.TARGET_WIDTH},
              false);
      System.arraycopy(sample.mean(), 0, mean, 0, mean.length);
      for (int i = 0; i < mean.length; i++) {
        assertThat(
                (double)
                    trainer
                        .dictionary()
                        .parameters()
                        .decoderBias()
                        .getAtIndex(ValueLayout.JAVA_FLOAT, i))
            .isCloseTo(mean[i], within(1e-6));
      }
    }
  }

  @Test
  void theSubspaceIsThatOfTheTarget() throws IOException {
    TrainingConfig config =
        small().start(new InitialDirections.ActiveSubspace(0, 0.99)).steps(1).build();
    try (Trainer trainer = start(config, "asi")) {
      assertThat(trainer.startingPoint().subspaceDimensions())
          .isBetween(PairedStore.RANK - 2, PairedStore.RANK);
    }
  }

  @Test
  void aPulledBackEncoderStartsAheadOfARandomOne() throws IOException {
    for (int seed = 0; seed < 5; seed++) {
      ActivationStore other = PairedStore.write(temp.resolve("s" + seed), 1500, DType.F32, seed);
      double[] first = new double[2];
      double[] last = new double[2];
      for (InitialEncoder encoder : List.of(InitialEncoder.PULL_BACK, InitialEncoder.RANDOM)) {
        Path run = temp.resolve(encoder.label() + seed);
        TrainingConfig config =
            small().kind(transcoder(encoder)).seed(seed).steps(120).logEvery(10).build();
        int which = encoder == InitialEncoder.PULL_BACK ? 0 : 1;
        last[which] = train(other, config, run).fvu();
        first[which] =
            new ObjectMapper()
                .readTree(Files.readAllLines(run.resolve("metrics.jsonl")).getFirst())
                .get("fvu")
                .asDouble();
      }
      assertThat(first[0]).as("seed %d", seed).isLessThan(0.8 * first[1]);
      assertThat(last[0]).as("seed %d", seed).isLessThan(last[1]);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Optimiser.class, names = "NONE", mode = EnumSource.Mode.EXCLUDE)
  void resumesToTheSameBits(Optimiser optimiser) throws IOException {
    TrainingConfig config =
        small()
            .kind(
                new Kind.Transcoder(
                    PairedStore.TARGET, InitialEncoder.PULL_BACK, optimiser == Optimiser.ADAM))
            .optimiser(optimiser)
            .activation(optimiser == Optimiser.ADAM ? "topk" : "batchtopk")
            .steps(60)
            .checkpointEvery(20)
            .build();
    Path whole = temp.resolve("whole");
    train(store, config, whole);
    Path broken = temp.resolve("broken");
    TrainerTest.breakAt(store, ENGINES, config, broken, 33);
    try (Trainer trainer = Trainer.resume(store, ENGINES, broken)) {
      assertThat(trainer.step()).isEqualTo(20);
      trainer.run(TrainingListener.NONE);
    }
    assertThat(broken.resolve("dictionary.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("dictionary.safetensors"));
    assertThat(TrainerTest.untimed(broken)).isEqualTo(TrainerTest.untimed(whole));
  }

  @ParameterizedTest
  @CsvSource({"true, F32", "false, BF16"})
  void aSkipConnectionTakesWhatIsLinear(boolean centre, DType dtype) throws IOException {
    ActivationStore typed = PairedStore.write(temp.resolve("typed"), 2500, dtype, 5);
    double[] fvu = new double[2];
    for (boolean skip : new boolean[] {false, true}) {
      TrainingConfig config =
          small()
              .kind(new Kind.Transcoder(PairedStore.TARGET, InitialEncoder.PULL_BACK, skip))
              .centre(centre)
              .features(16)
              .k(1)
              .steps(300)
              .decaySteps(100)
              .logEvery(50)
              .build();
      Path run = temp.resolve("run" + skip);
      RunResult result = train(typed, config, run);
      Dictionary dictionary = Dictionary.load(run);
      assertThat(dictionary.hasSkip()).isEqualTo(skip);
      Evaluation evaluation =
          Evaluator.evaluate(dictionary, typed, ENGINES, 512, Long.MAX_VALUE, done -> {});
      assertThat(evaluation.fvu()).isCloseTo(result.fvu(), within(0.15 * result.fvu()));
      fvu[skip ? 1 : 0] = result.fvu();
    }
    assertThat(fvu[1]).isLessThan(0.7 * fvu[0]);
  }

  @Test
  void batchTopKFindsAThresholdForRawActivations() throws IOException {
    Path run = temp.resolve("run");
    RunResult result =
        train(
            store,
            small()
                .activation("batchtopk")
                .scoreByDecoderNorm(true)
                .steps(900)
                .decaySteps(500)
                .logEvery(50)
                .build(),
            run);
    Evaluation evaluation =
        Evaluator.evaluate(Dictionary.load(run), store, ENGINES, 100, Long.MAX_VALUE, done -> {});
    assertThat(evaluation.l0()).isCloseTo(result.l0(), within(0.15 * result.l0()));
  }

  @Test
  void whatDoesNotFitIsRefusedBeforeAnythingIsWritten() {
    assertThatThrownBy(
            () -> small().kind(transcoder(PairedStore.INPUT, InitialEncoder.PULL_BACK)).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("both '" + PairedStore.INPUT + "'");
    assertThatThrownBy(
            () ->
                start(
                    small().kind(transcoder("layers.9.z", InitialEncoder.PULL_BACK)).build(),
                    "none"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layers.9.z")
        .hasMessageContaining(PairedStore.TARGET);
    assertThatThrownBy(() -> start(small().kind(transcoder(InitialEncoder.TIED)).build(), "none"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("28")
        .hasMessageContaining("20");
    assertThatThrownBy(
            () ->
                start(small().start(new InitialDirections.ActiveSubspace(21, 0.9)).build(), "none"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("21")
        .hasMessageContaining("20 wide");
    assertThat(temp.resolve("none")).doesNotExist();
  }

  private Trainer start(TrainingConfig config, String folder) throws IOException {
    return Trainer.start(store, config, ENGINES, "test", temp.resolve(folder));
  }

  private static RunResult train(ActivationStore store, TrainingConfig config, Path run)
      throws IOException {
    try (Trainer trainer = Trainer.start(store, config, ENGINES, "test", run)) {
      return trainer.run(TrainingListener.NONE);
    }
  }

  private static Kind transcoder(InitialEncoder start) {
    return transcoder(PairedStore.TARGET, start);
  }

  private static Kind transcoder(String target, InitialEncoder start) {
    return new Kind.Transcoder(target, start, false);
  }

  private static TrainingConfigBuilder small() {
    return TrainingConfig.of(PairedStore.INPUT)
        .kind(transcoder(InitialEncoder.PULL_BACK))
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

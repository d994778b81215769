package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.ThresholdCalibration;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.TokenNorm;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("slow")
class ThresholdCalibrationTest {
  private static final EngineFactory ENGINES = EngineFactory.vector(Workers.allCores());
  @TempDir private Path temp;
  private ActivationStore store;

  @BeforeEach
  void writeStore() throws IOException {
    store = SyntheticStore.write(temp.resolve("store"), 2048, DType.F32, 7);
  }

  private Dictionary trained(String kind, boolean ranked) throws IOException {
    TrainingConfig config =
        TrainerTest.small().activation(kind).scoreByDecoderNorm(ranked).steps(200).build();
    Path run = temp.resolve("run");
    try (Trainer trainer = Trainer.start(store, config, ENGINES, "test", run)) {
      trainer.run(TrainingListener.NONE);
    }
    return Dictionary.load(run);
  }

  private Dictionary converted(Dictionary dictionary, long sample, boolean perFeature)
      throws IOException {
    return ThresholdCalibration.toJumpReLU(
        dictionary, store, RowFilter.ALL, ENGINES, sample, 3, perFeature);
  }

  private Evaluation evaluate(Dictionary dictionary) throws IOException {
    return Evaluator.evaluate(dictionary, store, ENGINES, 100, Long.MAX_VALUE, done -> {});
  }

  @ParameterizedTest
  @CsvSource({"topk, false", "topk, true", "batchtopk, true"})
  void aThresholdPerFeatureLetsEachFireAsOftenAsItDid(String kind, boolean ranked)
      throws IOException {
    Dictionary counted = trained(kind, ranked);
    // Two batches are the whole store, so that the sample is what is evaluated.
    Dictionary compared = converted(counted, 2048, true);
    assertThat(compared.config().activation()).isInstanceOf(JumpReLU.class);
    Evaluation before = evaluate(counted);
    Evaluation after = evaluate(compared);
    assertThat(after.l0()).isCloseTo(before.l0(), within(0.002 * before.l0()));
    assertThat(after.frequencyHistogram().neverFired())
        .isEqualTo(before.frequencyHistogram().neverFired());
    // What fires is not the same: thresholds know nothing of the other features.
    assertThat(after.fvu()).isBetween(before.fvu(), 0.2);
  }

  @Test
  void oneThresholdForAllKeepsTheMeanCount() throws IOException {
    Dictionary counted = trained("topk", false);
    Evaluation before = evaluate(counted);
    Evaluation after = evaluate(converted(counted, 2048, false));
    assertThat(after.l0()).isCloseTo(before.l0(), within(0.002 * before.l0()));
    assertThat(evaluate(converted(counted, 1000, false)).l0())
        .isCloseTo(before.l0(), within(0.1 * before.l0()));
  }

  @Test
  void sampledTokensAreNormalisedIfTheDictionaryNormalisesThem() throws IOException {
    Dictionary counted = trained("topk", false);
    DictionaryConfig normalising =
        counted.config().withTokenNorm(Optional.of(new TokenNorm(TokenNorm.Kind.LAYER_NORM, true)));
    Dictionary given = new Dictionary(normalising, counted.parameters());
    Dictionary compared = converted(given, 2048, true);
    assertThat(compared.config().tokenNorm()).isEqualTo(normalising.tokenNorm());
    assertThat(compared.config().activation())
        .isNotEqualTo(converted(counted, 2048, true).config().activation());
    assertThat(evaluate(compared).l0()).isCloseTo(evaluate(given).l0(), within(0.01));
  }

  @Test
  void refusesWhatHasThresholdsAlready() throws IOException {
    Dictionary compared = converted(trained("topk", false), 500, true);
    assertThatThrownBy(() -> converted(compared, 500, true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("jumprelu");
  }
}

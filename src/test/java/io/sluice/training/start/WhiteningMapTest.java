package io.sluice.training.start;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.ActivationFeed;
import io.sluice.dictionary.Dictionary;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.Optimiser;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.geometry.CovarianceAccumulator;
import io.sluice.geometry.Spectrum;
import io.sluice.geometry.StoreCovariance;
import io.sluice.geometry.Subspace;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.torch.Device;
import io.sluice.training.FailingAt;
import io.sluice.training.SyntheticStore;
import io.sluice.training.Trainer;
import io.sluice.training.TrainerTest;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.Remedies;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whitened and constrained training, and what is exported of them. */
@Tag("slow")
class WhiteningMapTest {
  private static final EngineFactory ENGINES = EngineFactory.vector(Workers.allCores());
  private static final int ROWS = 2500;
  @TempDir private Path temp;
  private ActivationStore store;

  @BeforeEach
  void writeStore() throws IOException {
    store = SyntheticStore.write(temp.resolve("store"), ROWS, DType.F32, 7);
  }

  private static Remedies remedies(String name) {
    return switch (name) {
      case "whiten" -> Remedies.NONE.whitened(1e-3);
      case "constrain" -> Remedies.NONE.constrainedTo(6, 1);
      default -> Remedies.NONE.whitened(1e-3).constrainedTo(6, 1);
    };
  }

  @ParameterizedTest
  @CsvSource({
    "whiten, true, asi",
    "whiten, false, random",
    "constrain, true, random",
    "constrain, false, asi",
    "both, true, asi",
    "both, false, random"
  })
  void theExportedDictionaryGivesTheCodesOfTraining(String name, boolean centre, String init)
      throws IOException {
    Path run = temp.resolve("run");
    TrainingConfig config =
        TrainerTest.small()
            .remedies(remedies(name))
            .centre(centre)
            .start(
                init.equals("asi")
                    ? new InitialDirections.ActiveSubspace(0, 0.9)
                    : new InitialDirections.Random())
            .steps(300)
            .logEvery(20)
            .build();
    try (Trainer trainer = Trainer.start(store, config, ENGINES, "mapped", run)) {
      RunResult result = trainer.run(TrainingListener.NONE);
      Dictionary dictionary = Dictionary.load(run);
      assertThat(dictionary.config().inputWidth()).isEqualTo(SyntheticStore.WIDTH);
      assertThat(dictionary.config().subtractDecoderBias()).isEqualTo(centre);
      Rows rows = rows();
      WhiteningMap map = trainer.map();
      assertThat(trainer.engine().spec().inputWidth())
          .isEqualTo(name.equals("whiten") ? SyntheticStore.WIDTH : 6);
      try (Engine ordinary =
          ENGINES.open(dictionary.config().spec(Optimiser.NONE), dictionary.parameters())) {
        trainer.engine().encode(map.apply(rows), new TopK(config.k()));
        List<Map<Integer, Float>> trained = codes(trainer.engine().codes());
        ordinary.encode(rows, new TopK(config.k()));
        List<Map<Integer, Float>> exported = codes(ordinary.codes());
        int same = 0;
        for (int row = 0; row < trained.size(); row++) {
          // Two features that rank nearly the same may change places.
          if (trained.get(row).keySet().equals(exported.get(row).keySet())) {
            same++;
            for (int feature : trained.get(row).keySet()) {
              assertThat(exported.get(row).get(feature))
                  .isCloseTo(trained.get(row).get(feature), within(2e-3f));
            }
          }
        }
        assertThat(same).isGreaterThan(trained.size() * 98 / 100);
      }
      Evaluation evaluation =
          Evaluator.evaluate(dictionary, store, ENGINES, 512, Long.MAX_VALUE, done -> {});
      // The run's number is from its last batches, while it was still learning.
      assertThat(evaluation.fvu()).isCloseTo(result.fvu(), within(0.4 * result.fvu()));
      assertThat(evaluation.l0()).isCloseTo(result.l0(), within(0.1));
    }
    assertThat(run.resolve(WhiteningMap.FILE)).doesNotExist();
  }

  @Test
  void theErrorThatIsReportedIsThatOfTheActivations() throws IOException {
    for (String name : List.of("whiten", "constrain", "both")) {
      Path run = temp.resolve(name);
      TrainingConfig config = TrainerTest.small().remedies(remedies(name)).steps(20).build();
      try (Trainer trainer = Trainer.start(store, config, ENGINES, name, run)) {
        trainer.run(TrainingListener.NONE);
        Rows rows = rows();
        Rows mapped = trainer.map().apply(rows);
        Engine engine = trainer.engine();
        engine.encode(mapped, new TopK(config.k()));
        double error = trainer.map().squaredError(engine, engine.decode(mapped, false));
        Dictionary dictionary = trainer.dictionary();
        double scale = trainer.startingPoint().scale();
        try (Engine ordinary =
            ENGINES.open(dictionary.config().spec(Optimiser.NONE), dictionary.parameters())) {
          ordinary.encode(rows, new TopK(config.k()));
          assertThat(error)
              .as(name)
              .isCloseTo(
                  scale * scale * ordinary.decode(rows, false), within(2e-3 * Math.abs(error)));
        }
      }
    }
  }

  @Test
  void whiteningGivesUnitVarianceAboveTheFloor() throws IOException {
    Subspace all =
        Subspace.topDirections(
            StoreCovariance.of(store, SyntheticStore.HOOK), SyntheticStore.WIDTH);
    try (WhiteningMap map = WhiteningMap.of(Remedies.NONE.whitened(1e-3), all, 1);
        CovarianceAccumulator covariance =
            CovarianceAccumulator.on(Device.CPU, SyntheticStore.WIDTH)) {
      Rows mapped = map.apply(rows());
      covariance.add(mapped.memory(), mapped.dtype(), mapped.count());
      double[] seen = Spectrum.of(covariance.covariance()).eigenvalues();
      for (int i = 0; i < SyntheticStore.WIDTH; i++) {
        double expected = i < SyntheticStore.RANK ? 1 : 0;
        assertThat(seen[i]).as("variance %d", i).isCloseTo(expected, within(1e-3));
      }
      for (double mean : covariance.covariance().mean()) {
        assertThat(mean).isCloseTo(0, within(1e-4));
      }
      assertThat(map.mappedMean()).containsOnly(0.0);
    }
  }

  @ParameterizedTest
  @CsvSource({"whiten, vector", "both, reference"})
  void aRunThatIsTakenUpEndsInTheSameBits(String name, String engine) throws IOException {
    EngineFactory engines = EngineFactory.named(engine, Device.CPU);
    TrainingConfig config =
        TrainerTest.small().remedies(remedies(name)).steps(40).checkpointEvery(15).build();
    Path whole = temp.resolve("whole");
    try (Trainer trainer = Trainer.start(store, config, engines, "a", whole)) {
      trainer.run(TrainingListener.NONE);
    }
    Path broken = temp.resolve("broken");
    try (Trainer trainer = Trainer.start(store, config, engines, "a", broken)) {
      trainer.run(new FailingAt(22));
    } catch (IllegalStateException stopped) {
      assertThat(stopped).hasMessage("stopped");
    }
    assertThat(broken.resolve(WhiteningMap.FILE)).exists();
    try (Trainer trainer = Trainer.resume(store, engines, broken)) {
      trainer.run(TrainingListener.NONE);
    }
    assertThat(broken.resolve("dictionary.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("dictionary.safetensors"));
  }

  @Test
  void refusesWhatDoesNotFit() throws IOException {
    TrainingConfig wide = TrainerTest.small().remedies(Remedies.NONE.constrainedTo(25, 1)).build();
    Path run = temp.resolve("run");
    assertThatThrownBy(() -> Trainer.start(store, wide, ENGINES, "a", run))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("25 directions")
        .hasMessageContaining("24 wide");
    assertThat(run).doesNotExist();
    assertThatThrownBy(
            () ->
                TrainerTest.small()
                    .remedies(Remedies.NONE.whitened(1e-3))
                    .scoreByDecoderNorm(true)
                    .build())
        .hasMessageContaining("whitening");
    assertThatThrownBy(() -> Remedies.NONE.whitened(0)).hasMessageContaining("floor");
    assertThatThrownBy(() -> Remedies.NONE.constrainedTo(-1, 1)).hasMessageContaining("-1");
  }

  @Test
  void aDamagedMapIsNamed() throws IOException {
    TrainingConfig config = TrainerTest.small().remedies(remedies("whiten")).steps(40).build();
    Path run = temp.resolve("run");
    Trainer.start(store, config, ENGINES, "a", run).close();
    Path file = run.resolve(WhiteningMap.FILE);
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 20] ^= 1;
    Files.write(file, bytes);
    assertThatThrownBy(() -> Trainer.resume(store, ENGINES, run))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(WhiteningMap.FILE)
        .hasMessageContaining("damaged");
  }

  /** The whole store as float32 rows. */
  private Rows rows() throws IOException {
    Rows next =
        new ActivationFeed(store, BatchPlan.sequential(List.of(SyntheticStore.HOOK), ROWS), 1)
            .next();
    MemorySegment copy = Arena.ofAuto().allocate(4L * ROWS * SyntheticStore.WIDTH, 64);
    for (int row = 0; row < ROWS; row++) {
      for (int i = 0; i < SyntheticStore.WIDTH; i++) {
        copy.setAtIndex(ValueLayout.JAVA_FLOAT, row * SyntheticStore.WIDTH + i, next.at(row, i));
      }
    }
    return new Rows(copy, DType.F32, ROWS, SyntheticStore.WIDTH);
  }

  private static List<Map<Integer, Float>> codes(Codes codes) {
    List<Map<Integer, Float>> all = new java.util.ArrayList<>();
    for (int row = 0; row < codes.rows(); row++) {
      Map<Integer, Float> own = new TreeMap<>();
      for (int entry = codes.offset(row); entry < codes.offset(row + 1); entry++) {
        own.put(codes.feature(entry), codes.value(entry));
      }
      all.add(own);
    }
    return all;
  }
}

package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.SiteFeed;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.store.ActivationStore;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.Remedies;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.TrainingListener;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** AuxK and resampling, in runs and against PyTorch. */
@Tag("slow")
class RemediesTest {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  @TempDir private Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"reference", "vector", "torch"})
  void resamplesAsPyTorchDoes(String kind) throws Exception {
    Assumptions.assumeTrue(!kind.equals("torch") || Torch.isAvailable(), "no LibTorch here");
    Safetensors golden =
        Safetensors.open(Path.of(getClass().getResource("/golden/resampling.safetensors").toURI()));
    EngineSpec spec = new EngineSpec(6, 6, 14, true, false, Optimiser.ADAM);
    try (Arena arena = Arena.ofShared();
        Engine engine =
            EngineFactory.named(kind, Device.CPU)
                .open(spec, DictionaryParameters.allocate(arena, 6, 6, 14))) {
      for (StateTensor tensor : engine.state()) {
        boolean clock = tensor.name().equals("last_fired");
        engine.write(tensor, golden.data(clock ? tensor.name() : "before." + tensor.name()));
      }
      MemorySegment batch = arena.allocate(golden.data("batch").byteSize(), 64);
      batch.copyFrom(golden.data("batch"));
      Rows rows = new Rows(batch, DType.F32, 9, 6);
      AtomicInteger next = new AtomicInteger();
      Resampling.apply(
          engine,
          new SiteFeed.Pair(rows, rows),
          new TopK(3),
          100,
          () ->
              golden
                  .data("uniform")
                  .getAtIndex(ValueLayout.JAVA_DOUBLE_UNALIGNED, next.getAndIncrement()));
      assertThat(next.get()).isPositive();
      for (StateTensor tensor : engine.state()) {
        if (tensor.dtype() == DType.F32) {
          MemorySegment found = engine.read(tensor, arena);
          MemorySegment expected = golden.data("after." + tensor.name());
          for (long i = 0; i < found.byteSize() / 4; i++) {
            assertThat(found.getAtIndex(FLOAT, i))
                .as("%s %d", tensor.name(), i)
                .isCloseTo(expected.getAtIndex(FLOAT, i), within(1e-5f));
          }
        }
      }
    }
  }

  private static Remedies remedies(String name) {
    return switch (name) {
      case "auxk" -> Remedies.NONE.withAuxK(0, Remedies.AUX_WEIGHT).deadAfter(200);
      case "resample" -> Remedies.NONE.resampled(15, 60).deadAfter(200);
      default ->
          Remedies.NONE
              .withAuxK(3, 0.1)
              .resampled(15, 60)
              .deadAfter(200)
              .whitened(1e-3)
              .constrainedTo(6, 1);
    };
  }

  /** Uncentred, from random directions and with Adam: features die here. */
  private static TrainingConfigBuilder deadly(String name) {
    return TrainerTest.small()
        .start(new InitialDirections.Random())
        .centre(false)
        .features(256)
        .steps(120)
        .deadWindow(1500)
        .remedies(name.isEmpty() ? Remedies.NONE : remedies(name));
  }

  private RunResult train(ActivationStore store, TrainingConfig config, Path run)
      throws IOException {
    try (Trainer trainer =
        Trainer.start(store, config, EngineFactory.named("vector", Device.CPU), "r", run)) {
      return trainer.run(TrainingListener.NONE);
    }
  }

  @Test
  void eachActsAndDoesNoHarmToTheError() throws IOException {
    ActivationStore store = SyntheticStore.write(temp.resolve("store"), 2500, DType.F32, 7);
    Path none = temp.resolve("none");
    RunResult without = train(store, deadly("").build(), none);
    assertThat(without.deadFraction()).isGreaterThan(0.2);
    for (String name : new String[] {"auxk", "resample"}) {
      Path run = temp.resolve(name);
      RunResult with = train(store, deadly(name).build(), run);
      assertThat(with.fvu()).as(name).isLessThan(1.3 * without.fvu());
      assertThat(
              Files.mismatch(
                  run.resolve("dictionary.safetensors"), none.resolve("dictionary.safetensors")))
          .as(name)
          .isNotNegative();
    }
  }

  @ParameterizedTest
  @CsvSource({"auxk, vector", "resample, vector", "all, vector", "all, reference", "all, torch"})
  void aRunThatIsTakenUpEndsInTheSameBits(String name, String engine) throws IOException {
    Assumptions.assumeTrue(!engine.equals("torch") || Torch.isAvailable(), "no LibTorch here");
    ActivationStore store = SyntheticStore.write(temp.resolve("store"), 800, DType.F32, 7);
    EngineFactory engines = EngineFactory.named(engine, Device.CPU);
    TrainingConfig config =
        deadly(name).features(128).steps(50).checkpointEvery(20).seed(3).build();
    Path whole = temp.resolve("whole");
    try (Trainer trainer = Trainer.start(store, config, engines, "a", whole)) {
      trainer.run(TrainingListener.NONE);
    }
    Path broken = temp.resolve("broken");
    try (Trainer trainer = Trainer.start(store, config, engines, "a", broken)) {
      trainer.run(new FailingAt(33));
    } catch (IllegalStateException stopped) {
      assertThat(stopped).hasMessage("stopped");
    }
    try (Trainer trainer = Trainer.resume(store, engines, broken)) {
      assertThat(trainer.config().remedies()).isEqualTo(config.remedies());
      trainer.run(TrainingListener.NONE);
    }
    assertThat(broken.resolve("dictionary.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("dictionary.safetensors"));
  }

  @Test
  void refusesWhatMakesNoSense() {
    assertThatThrownBy(() -> deadly("auxk").activation("relu", 0.1, 0).build())
        .hasMessageContaining("AuxK needs an activation");
    assertThatThrownBy(() -> Remedies.NONE.withAuxK(-1, 1)).hasMessageContaining("-1");
    assertThatThrownBy(() -> Remedies.NONE.withAuxK(1, Double.NaN)).hasMessageContaining("NaN");
    assertThatThrownBy(() -> Remedies.NONE.resampled(-5, 0)).hasMessageContaining("-5");
    assertThatThrownBy(() -> Remedies.NONE.deadAfter(-2)).hasMessageContaining("-2");
    Remedies half = Remedies.NONE.resampled(10, 0);
    assertThat(half.resamplesAfter(50, 100)).isTrue();
    assertThat(half.resamplesAfter(60, 100)).isFalse();
    assertThat(half.resamplesAfter(45, 100)).isFalse();
    assertThat(Remedies.NONE.resampled(10, 100).resamplesAfter(100, 100)).isFalse();
  }
}

package io.sluice.lorsa.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.evaluation.Evaluation;
import io.sluice.lorsa.Lorsa;
import io.sluice.lorsa.evaluation.LorsaEvaluator;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.Contexts;
import io.sluice.torch.Device;
import io.sluice.torch.TensorScope;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.Schedule;
import io.sluice.training.run.Metrics;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("slow")
class LorsaTrainerTest {
  private static final int HEADS = 192;

  @TempDir Path folder;
  private LoadedModel model;
  private Contexts contexts;

  @BeforeEach
  void capture() throws IOException {
    model = AttentionStore.model("tiny-llama");
    contexts = AttentionStore.capture(model, folder, "layers.1.attn_in,layers.1.attn_out", 3000);
  }

  @AfterEach
  void close() {
    if (model != null) {
      model.close();
    }
  }

  private static LorsaTrainingConfig config(long steps, long checkpointEvery) {
    Schedule schedule =
        new Schedule(3e-3, 0.9, 0.999, 1e-8, 8, steps, 3, 10, 1500, checkpointEvery, 5, 0, false);
    return LorsaTrainingConfig.of(1, HEADS, 4, schedule).withFromPosition(1);
  }

  private LorsaTrainer start(LorsaTrainingConfig config, String name) throws IOException {
    try (TensorScope scope = TensorScope.open()) {
      return LorsaTrainer.start(
          contexts,
          model.transformer().attention(1),
          config,
          Device.CPU,
          name,
          folder.resolve(name));
    }
  }

  private static final class Stop extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  private static TrainingListener stopAt(long step) {
    return new TrainingListener() {
      @Override
      public void stepped(long at, long tokens) {
        if (at == step) {
          throw new Stop();
        }
      }
    };
  }

  @Test
  void aStoppedRunEndsInTheSameBits() throws IOException {
    try (LorsaTrainer whole = start(config(30, 7), "whole")) {
      whole.run(TrainingListener.NONE);
    }
    try (LorsaTrainer first = start(config(30, 7), "stopped")) {
      assertThatThrownBy(() -> first.run(stopAt(4))).isInstanceOf(Stop.class);
    }
    for (long stop : new long[] {9, 24}) {
      try (LorsaTrainer next =
          LorsaTrainer.resume(contexts, Device.CPU, folder.resolve("stopped"))) {
        assertThatThrownBy(() -> next.run(stopAt(stop))).isInstanceOf(Stop.class);
      }
    }
    try (LorsaTrainer last = LorsaTrainer.resume(contexts, Device.CPU, folder.resolve("stopped"))) {
      assertThat(last.step()).isEqualTo(21);
      last.run(TrainingListener.NONE);
    }
    assertThat(folder.resolve("stopped/lorsa.safetensors"))
        .hasSameBinaryContentAs(folder.resolve("whole/lorsa.safetensors"));
    assertThat(untimed(folder.resolve("stopped"))).isEqualTo(untimed(folder.resolve("whole")));
    assertThat(folder.resolve("stopped")).isDirectoryNotContaining("glob:**checkpoint*");
    assertThatThrownBy(() -> LorsaTrainer.resume(contexts, Device.CPU, folder.resolve("stopped")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("complete");
  }

  private static List<String> untimed(Path run) throws IOException {
    return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
        .map(line -> line.replaceAll("\"(tokensPerSecond|seconds)\":[^,}]*", ""))
        .toList();
  }

  /** The exported weights work on raw activations as those of training do on scaled ones. */
  @Test
  void exportsWhatItTrained() throws IOException {
    List<Metrics> course = new ArrayList<>();
    RunResult result;
    try (LorsaTrainer trainer = start(config(60, 0), "run")) {
      assertThat(trainer.startingPoint().inputScale()).isNotEqualTo(1);
      assertThat(trainer.startingPoint().subspaceDimensions())
          .hasSize(4)
          .allMatch(n -> n >= 1 && n <= 8);
      result =
          trainer.run(
              new TrainingListener() {
                @Override
                public void measured(Metrics metrics) {
                  course.add(metrics);
                }
              });
    }
    assertThat(course).hasSize(12);
    assertThat(course.getLast().fvu()).isLessThan(course.getFirst().fvu());
    assertThat(course.getLast().l0()).isBetween(1.0, 4.0);
    Lorsa lorsa = Lorsa.load(folder.resolve("run"));
    assertThat(lorsa.config().model()).isEqualTo("tiny-llama");
    Evaluation evaluation =
        LorsaEvaluator.evaluate(lorsa, contexts, Device.CPU, Long.MAX_VALUE, done -> {});
    assertThat(evaluation.fvu()).isCloseTo(result.fvu(), within(0.1 * result.fvu()));
    assertThat(evaluation.l0()).isCloseTo(result.l0(), within(0.2));
    assertThat(evaluation.tokens()).isEqualTo(contexts.store().rows() - contexts.count());
    assertThat(evaluation.deadFraction())
        .isEqualTo(evaluation.frequencyHistogram().neverFired() / (double) HEADS, within(1e-9));
  }

  @Test
  void startsBetterInsideTheHeadsSubspaces() throws IOException {
    double[] fvu = new double[2];
    double[] dead = new double[2];
    InitialDirections[] starts = {
      new InitialDirections.Random(), new InitialDirections.ActiveSubspace(0, 0.99)
    };
    for (int i = 0; i < 2; i++) {
      try (LorsaTrainer trainer = start(config(60, 0).withStart(starts[i]), "run" + i)) {
        RunResult result = trainer.run(TrainingListener.NONE);
        fvu[i] = result.fvu();
        dead[i] = result.deadFraction();
      }
    }
    assertThat(fvu[1]).isLessThan(0.8 * fvu[0]);
    assertThat(dead[1]).isLessThan(0.8 * dead[0]);
  }

  @Test
  void refusesBadInputAndLeavesNothing() throws IOException {
    LorsaTrainingConfig config = config(20, 0);
    start(config, "run").close();
    assertThatThrownBy(() -> start(config, "run"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("holds a run already");
    assertThatThrownBy(() -> LorsaTrainer.resume(contexts, Device.CPU, folder.resolve("run")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no checkpoint");
    LorsaTrainingConfig other = LorsaTrainingConfig.of(2, HEADS, 4, config.schedule());
    assertThatThrownBy(() -> start(other, "other"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no hook point 'layers.2.attn_in'")
        .hasMessageContaining("layers.1.attn_in");
    assertThatThrownBy(() -> start(config.withFromPosition(16), "late"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("position 16");
    assertThatThrownBy(
            () -> start(config.withStart(new InitialDirections.ActiveSubspace(9, 0.5)), "wide"))
        .hasMessageContaining("d_init is 9, but a head of the model is only 8 wide");
    assertThat(folder.resolve("late/run.json")).doesNotExist();
    assertThatThrownBy(
            () ->
                new LorsaTrainingConfig(
                    "a",
                    "b",
                    10,
                    3,
                    1,
                    false,
                    new InitialDirections.Random(),
                    true,
                    true,
                    0,
                    config.schedule(),
                    0,
                    1,
                    0))
        .hasMessageContaining("10 heads are not whole groups of 3");
  }
}

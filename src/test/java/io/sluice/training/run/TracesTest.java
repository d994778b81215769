package io.sluice.training.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.testing.Python;
import io.sluice.training.SyntheticStore;
import io.sluice.training.Trainer;
import io.sluice.training.TrainerTest;
import io.sluice.training.config.TrainingConfigBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a run leaves in its folder if it is asked to: checkpoints, and events for TensorBoard. */
class TracesTest {
  private static final EngineFactory ENGINES = EngineFactory.reference();
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Map<String, String> TAGS =
      Map.of(
          "train/loss", "loss",
          "train/fvu", "fvu",
          "train/l0", "l0",
          "train/dead_fraction", "deadFraction",
          "train/learning_rate", "learningRate",
          "train/tokens", "tokens",
          "train/tokens_per_second", "tokensPerSecond",
          "held_out/fvu", "heldOutFvu");

  @TempDir private Path temp;
  private ActivationStore store;

  @BeforeEach
  void writeStore() throws IOException {
    store = SyntheticStore.write(temp.resolve("store"), 2500, DType.F32, 7);
  }

  @Test
  void theNewestCheckpointsStay() throws IOException {
    Path run = temp.resolve("run");
    int[] most = {0};
    try (Trainer trainer = start(small().steps(35).keepCheckpoints(3), run)) {
      trainer.run(
          new TrainingListener() {
            @Override
            public void stepped(long step, long tokens) {
              most[0] = Math.max(most[0], names(run, "checkpoint-").size());
            }
          });
    }
    assertThat(most[0]).isEqualTo(3);
    assertThat(names(run, "checkpoint-"))
        .containsExactly(
            "checkpoint-000000020.safetensors",
            "checkpoint-000000030.safetensors",
            "checkpoint-000000035.safetensors");
  }

  @Test
  void noneCanBeKeptWhereNoneAreWritten() {
    TrainingConfigBuilder config = small().checkpointEvery(0).keepCheckpoints(1);
    assertThatThrownBy(config::build)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no checkpoints are written");
  }

  @Tag("python")
  @Test
  void tensorBoardReadsTheMetricsOfAnInterruptedRun() throws IOException {
    Python.requireTensorBoard();
    Path run = temp.resolve("run");
    try (Trainer trainer =
        start(small().steps(40).logEvery(2).heldOut(0.1).tensorBoard(true), run)) {
      assertThatThrownBy(() -> trainer.run(dyingAt(27))).isInstanceOf(IllegalStateException.class);
    }
    // Steps 22 to 26 are lost and will be done again.
    try (Trainer trainer = Trainer.resume(store, ENGINES, run)) {
      trainer.run(TrainingListener.NONE);
    }
    assertThat(names(run, "events.out.tfevents.")).hasSize(2);
    JsonNode found = JSON.readTree(Python.run("tensorboard_scalars.py", run));
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      lines.add(JSON.readTree(line));
    }
    assertThat(lines).hasSize(20);
    assertThat(found.fieldNames()).toIterable().containsExactlyInAnyOrderElementsOf(TAGS.keySet());
    TAGS.forEach(
        (tag, field) -> {
          List<List<Number>> wanted =
              lines.stream()
                  .filter(line -> line.has(field))
                  .map(
                      line ->
                          List.<Number>of(
                              line.get("step").asLong(), (float) line.get(field).asDouble()))
                  .toList();
          List<List<Number>> read = new ArrayList<>();
          found
              .get(tag)
              .forEach(
                  pair -> read.add(List.of(pair.get(0).asLong(), (float) pair.get(1).asDouble())));
          assertThat(read).as(tag).isNotEmpty().isEqualTo(wanted);
        });
  }

  /** Also where it starts from the checkpoint of step 0. */
  @ParameterizedTest
  @ValueSource(ints = {0, 10})
  void anotherAttemptStartsWithoutTheEventsOfTheFirst(int checkpointEvery) throws IOException {
    Path run = temp.resolve("run");
    try (Trainer trainer =
        start(
            small().steps(20).checkpointEvery(checkpointEvery).logEvery(2).tensorBoard(true),
            run)) {
      assertThatThrownBy(() -> trainer.run(dyingAt(9))).isInstanceOf(IllegalStateException.class);
    }
    assertThat(names(run, "events.out.tfevents.")).hasSize(1);
    try (Trainer trainer = Trainer.resume(store, ENGINES, run)) {
      assertThat(names(run, "events.out.tfevents.")).isEmpty();
      trainer.run(TrainingListener.NONE);
    }
    assertThat(names(run, "events.out.tfevents.")).hasSize(1);
  }

  private static TrainingConfigBuilder small() {
    return TrainerTest.small().checkpointEvery(10);
  }

  private Trainer start(TrainingConfigBuilder config, Path run) throws IOException {
    return Trainer.start(store, config.build(), ENGINES, "traced", run);
  }

  private static TrainingListener dyingAt(long last) {
    return new TrainingListener() {
      @Override
      public void stepped(long step, long tokens) {
        if (step == last) {
          throw new IllegalStateException("killed");
        }
      }
    };
  }

  private static List<String> names(Path folder, String prefix) {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.startsWith(prefix))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}

package io.sluice.training.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.dictionary.VerifiedTensors;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.testing.WatchedFiles;
import io.sluice.training.SyntheticStore;
import io.sluice.training.Trainer;
import io.sluice.training.TrainerTest;
import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A run whose process dies, or whose disk is full, before any change of a file: the checkpoint
 * before is whole, and the run ends in the same numbers. What a killed process leaves is what the
 * system has taken of it, so a copy of the folder stands for a kill.
 */
class InterruptedFilesTest {
  private static final int STEPS = 12;
  private static final int EVERY = 3;
  private static final EngineFactory ENGINES = EngineFactory.reference();

  @TempDir private Path temp;
  private ActivationStore store;
  private Path whole;

  @BeforeEach
  void trainUndisturbed() throws IOException {
    store = SyntheticStore.write(temp.resolve("store"), 600, DType.F32, 5);
    whole = temp.resolve("whole");
    try (Trainer trainer = Trainer.start(store, config(), ENGINES, "run", whole)) {
      trainer.run(TrainingListener.NONE);
    }
  }

  private static TrainingConfig config() {
    return TrainerTest.small().batch(32).steps(STEPS).logEvery(2).checkpointEvery(EVERY).build();
  }

  /** A moment at which the process dies, and the folder as it is then. */
  private record Moment(String change, Path folder) {}

  @Tag("slow")
  @Test
  void aKillBeforeAnyChangeOfAFileLeavesARunThatEndsInTheSameBits() throws IOException {
    List<Moment> moments = new ArrayList<>();
    Path run = temp.resolve("watched");
    Path watched =
        WatchedFiles.watch(
            run,
            (change, file) -> {
              // Before run.json is there, there is no run yet.
              if (Files.exists(run.resolve(RunFolder.DESCRIPTION))) {
                Path copy = temp.resolve("killed").resolve(Integer.toString(moments.size()));
                copy(run, copy);
                moments.add(new Moment(change + " " + file.getFileName(), copy));
              }
            });
    try (Trainer trainer = Trainer.start(store, config(), ENGINES, "run", watched)) {
      trainer.run(TrainingListener.NONE);
    }
    assertSame(run, "undisturbed");
    // Four checkpoints, six lines of metrics, the dictionary, its description, the result.
    assertThat(moments).hasSizeGreaterThan(100);
    assertThat(moments).anyMatch(moment -> moment.change().startsWith("write on checkpoint-"));
    assertThat(moments)
        .anyMatch(moment -> moment.change().startsWith("rename dictionary.safetensors"));
    List<Path> before = List.of();
    for (Moment moment : moments) {
      if (!isFinished(moment.folder())) {
        List<Path> checkpoints = complete(moment.folder());
        // From the second on there are always two, and the newest is never an older one again.
        assertThat(checkpoints).as(moment.change()).hasSizeGreaterThanOrEqualTo(before.size());
        if (!before.isEmpty()) {
          assertThat(checkpoints.getFirst().getFileName())
              .as(moment.change())
              .isGreaterThanOrEqualTo(before.getFirst().getFileName());
        }
        before = checkpoints.subList(0, Math.min(2, checkpoints.size()));
        try (Trainer trainer = Trainer.resume(store, ENGINES, moment.folder())) {
          trainer.run(TrainingListener.NONE);
        }
      }
      assertSame(moment.folder(), moment.change());
    }
    assertThat(before).hasSize(2);
  }

  @Tag("slow")
  @Test
  void aFullDiskAtAnyWriteIsOneLineAndTheCheckpointBeforeStays() throws IOException {
    int failures = 0;
    for (int place = 0; ; place++) {
      Path run = temp.resolve("full").resolve(Integer.toString(place));
      int allowed = place;
      int[] writes = {0};
      Path watched =
          WatchedFiles.watch(
              run,
              (change, file) -> {
                if (change.startsWith("write")
                    && !file.endsWith(".lock")
                    && Files.exists(run.resolve(RunFolder.DESCRIPTION))
                    && writes[0]++ == allowed) {
                  throw new IOException("No space left on device");
                }
              });
      boolean failed = false;
      try (Trainer trainer = Trainer.start(store, config(), ENGINES, "run", watched)) {
        trainer.run(TrainingListener.NONE);
      } catch (IOException e) {
        failed = true;
        assertThat(e.getMessage())
            .startsWith(run.toString())
            .hasLineCount(1)
            .contains("cannot be written (No space left on device)", "make room");
      }
      if (!failed) {
        break;
      }
      failures++;
      List<Path> checkpoints = complete(run);
      try (Trainer trainer = Trainer.resume(store, ENGINES, run)) {
        if (!checkpoints.isEmpty()) {
          assertThat(checkpoints.getFirst())
              .hasFileName("checkpoint-%09d.safetensors".formatted(trainer.step()));
        }
        trainer.run(TrainingListener.NONE);
      }
      assertSame(run, "full at write " + place);
    }
    assertThat(failures).isGreaterThan(60);
  }

  @Tag("slow")
  @Test
  void aCheckpointThatCannotBeWrittenLeavesNoTemporaryFile() throws IOException {
    Path run = temp.resolve("refused");
    Path watched =
        WatchedFiles.watch(
            run,
            (change, file) -> {
              if (change.equals("flush") && file.toString().contains("checkpoint-000000006")) {
                throw new IOException("Input/output error");
              }
            });
    try (Trainer trainer = Trainer.start(store, config(), ENGINES, "run", watched)) {
      assertThatThrownBy(() -> trainer.run(TrainingListener.NONE))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith(run.resolve("checkpoint-000000006.safetensors") + ": ")
          .hasMessageContaining("Input/output error");
    }
    assertThat(run).isDirectoryNotContaining("glob:**.tmp");
    assertThat(complete(run).getFirst()).hasFileName("checkpoint-000000003.safetensors");
  }

  /** The checkpoints of a folder, newest first; all that have their name must be whole. */
  private static List<Path> complete(Path run) throws IOException {
    List<Path> checkpoints = StateFile.list(run);
    for (Path checkpoint : checkpoints) {
      VerifiedTensors.open(checkpoint);
    }
    return checkpoints;
  }

  private static boolean isFinished(Path run) throws IOException {
    return Files.readString(run.resolve(RunFolder.DESCRIPTION)).contains("\"result\"");
  }

  private void assertSame(Path run, String when) throws IOException {
    assertThat(run.resolve("dictionary.safetensors"))
        .as(when)
        .hasSameBinaryContentAs(whole.resolve("dictionary.safetensors"));
    assertThat(run.resolve("dictionary.json"))
        .as(when)
        .hasSameTextualContentAs(whole.resolve("dictionary.json"));
    assertThat(TrainerTest.untimed(run)).as(when).isEqualTo(TrainerTest.untimed(whole));
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.copy(file, to.resolve(file.getFileName()));
      }
    }
  }
}

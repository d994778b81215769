package io.sluice.training.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.testing.JsonMutations;
import io.sluice.testing.Mutations;
import io.sluice.testing.Seeds;
import io.sluice.training.SyntheticStore;
import io.sluice.training.Trainer;
import io.sluice.training.config.Remedies;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.sweep.Grid;
import io.sluice.training.sweep.Sweep;
import io.sluice.training.sweep.SweepCell;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damaged files of a run or a sweep are refused in a line, or go on; nothing hangs or is internal.
 */
@Tag("fuzz")
class RunFuzzTest {
  private static final int ROUNDS = Integer.getInteger("sluice.mutations", 250);

  @TempDir private Path temp;
  private ActivationStore store;
  private Path run;

  @BeforeEach
  void makeRun() throws IOException {
    store = SyntheticStore.write(temp.resolve("store"), 2500, DType.F32, 1);
    run = temp.resolve("run");
    TrainingConfig config =
        TrainingConfig.of(SyntheticStore.HOOK)
            .features(32)
            .k(4)
            .batch(16)
            .steps(40)
            .checkpointEvery(10)
            .logEvery(5)
            .remedies(Remedies.NONE.withAuxK(4, 0.03))
            .build();
    try (Trainer trainer = Trainer.start(store, config, EngineFactory.reference(), "r", run)) {
      stopAfter(trainer, 20);
    }
  }

  private static void stopAfter(Trainer trainer, long steps) throws IOException {
    long end = trainer.step() + steps;
    try {
      trainer.run(
          new TrainingListener() {
            @Override
            public boolean stops() {
              return trainer.step() >= end;
            }
          });
    } catch (StoppedException e) {
      assertThat(trainer.step()).isEqualTo(end);
    }
  }

  @Test
  void damagedRunsGoOnOrAreRefused() throws IOException {
    List<Path> files =
        new ArrayList<>(List.of(run.resolve("run.json"), run.resolve("metrics.jsonl")));
    files.add(StateFile.list(run).getFirst());
    Random random = new Random(Seeds.seed());
    for (int round = 0; round < ROUNDS; round++) {
      Path copy = temp.resolve("copy" + round);
      Files.createDirectory(copy);
      for (Path file : List.of(files.get(0), files.get(1), files.get(2))) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
      // The settings have the most fields, and the least of a checksum.
      Path file = copy.resolve(files.get(random.nextInt(5) / 2 % 3).getFileName());
      byte[] damaged =
          damage(Files.readAllBytes(file), file.toString().endsWith("run.json"), random);
      Files.write(file, damaged);
      bounded(
          file.getFileName() + ", round " + round,
          () -> {
            RunRows.of(copy, store);
            try (Trainer trainer = Trainer.resume(store, EngineFactory.reference(), copy)) {
              stopAfter(trainer, 3);
            }
          });
    }
  }

  @Test
  void damagedSweepsGoOnOrAreRefused() throws IOException {
    Grid grid = Grid.parse(List.of("init=random,asi", "seed=1,2"));
    Path sweep = temp.resolve("sweep");
    List<SweepCell> cells =
        grid.cells(
            () -> TrainingConfig.of(SyntheticStore.HOOK).features(32).k(4).batch(16).steps(5),
            0.99,
            0);
    Sweep.start(store, grid, cells, EngineFactory.reference(), "reference cpu", 1L << 28, sweep)
        .close();
    byte[] whole = Files.readAllBytes(sweep.resolve("sweep.json"));
    Random random = new Random(Seeds.seed());
    for (int round = 0; round < ROUNDS / 2; round++) {
      Path copy = temp.resolve("sweep" + round);
      Files.createDirectory(copy);
      Files.write(copy.resolve("sweep.json"), damage(whole, true, random));
      bounded(
          "sweep.json, round " + round,
          () -> {
            Sweep.read(copy);
            Sweep.origin(copy);
            Sweep.resume(store, EngineFactory.reference(), 1L << 28, copy).close();
          });
    }
  }

  private static byte[] damage(byte[] bytes, boolean json, Random random) {
    return json ? JsonMutations.mutate(bytes, random) : Mutations.mutate(bytes, random);
  }

  private interface Work {
    void run() throws Exception;
  }

  private static void bounded(String what, Work work) {
    Assertions.assertTimeoutPreemptively(
        Duration.ofSeconds(30),
        () -> {
          try {
            work.run();
          } catch (IOException | IllegalArgumentException | DivergedException e) {
            assertThat(e.getMessage()).as(what).isNotBlank().doesNotContain("\n");
          } catch (Exception | Error e) {
            fail(what, e);
          }
        },
        what);
  }
}

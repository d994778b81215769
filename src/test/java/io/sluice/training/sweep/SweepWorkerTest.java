package io.sluice.training.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.engine.EngineFactory;
import io.sluice.files.FolderLock;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.training.SyntheticStore;
import io.sluice.training.TrainerTest;
import io.sluice.training.run.StoppedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Cells that workers train, beside a sweep that trains them itself. */
@Tag("slow")
class SweepWorkerTest {
  private static final EngineFactory ENGINES = EngineFactory.vector(Workers.allCores());
  private static final SweepListener STOPPING =
      new SweepListener() {
        @Override
        public boolean stops() {
          return true;
        }
      };
  @TempDir private Path temp;
  private ActivationStore store;

  @BeforeEach
  void writeStore() throws IOException {
    store = SyntheticStore.write(temp.resolve("store"), 1200, DType.F32, 7);
  }

  private static List<SweepCell> cells(Grid grid) {
    return grid.cells(() -> TrainerTest.small().dataSeed(9).steps(40).checkpointEvery(10), 0.99, 0);
  }

  private Sweep elsewhere(Grid grid, Path folder) throws IOException {
    return Sweep.startElsewhere(store, grid, cells(grid), "vector cpu", folder);
  }

  private SweepWorker worker(Path folder) throws IOException {
    return SweepWorker.open(store, ENGINES, folder);
  }

  @Test
  void twoAttemptsOfEachCellAtOnceEndInTheBitsOfOne() throws IOException {
    Grid grid = Grid.parse(List.of("init=random,asi", "whiten=off,on", "seed=3,4"));
    Path whole = temp.resolve("whole");
    try (Sweep sweep =
        Sweep.start(store, grid, cells(grid), ENGINES, "vector cpu", 1L << 30, whole)) {
      sweep.run(SweepListener.NONE);
    }
    Path folder = temp.resolve("sweep");
    SweepResult result;
    try (Sweep sweep = elsewhere(grid, folder)) {
      assertThatThrownBy(() -> sweep.run(SweepListener.NONE))
          .isInstanceOf(IllegalStateException.class);
      result =
          sweep.run(
              SweepListener.NONE,
              (cells, listener) -> {
                List<CompletableFuture<Void>> attempts = new ArrayList<>();
                for (int i = 0; i < 3; i++) {
                  attempts.add(CompletableFuture.runAsync(() -> trainAll(folder, cells)));
                }
                attempts.forEach(CompletableFuture::join);
                return Map.of();
              });
    }
    assertThat(result.done()).isEqualTo(8);
    assertThat(folder.resolve("sweep.json")).hasSameBinaryContentAs(whole.resolve("sweep.json"));
    for (SweepResult.Outcome outcome : result.cells()) {
      Path cell = SweepFile.folder(folder, outcome.cell());
      Path own = SweepFile.folder(whole, outcome.cell());
      assertThat(cell.resolve("dictionary.safetensors"))
          .hasSameBinaryContentAs(own.resolve("dictionary.safetensors"));
      assertThat(TrainerTest.untimed(cell)).isEqualTo(TrainerTest.untimed(own));
      assertThat(cell.toFile().list()).containsExactlyInAnyOrder(own.toFile().list());
    }
    assertThat(folder.resolve("stability.json"))
        .hasSameBinaryContentAs(whole.resolve("stability.json"));
  }

  private void trainAll(Path folder, List<SweepCell> cells) {
    try {
      SweepWorker worker = worker(folder);
      for (SweepCell cell : cells) {
        assertThat(worker.train(cell.name(), SweepListener.NONE)).isNull();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void aStoppedCellHasACheckpointAndContinuesInAnyProcess() throws IOException {
    Grid grid = Grid.parse(List.of("seed=3,4"));
    Path folder = temp.resolve("sweep");
    Path cell = folder.resolve("cells").resolve("seed=4");
    try (Sweep sweep = elsewhere(grid, folder)) {
      assertThat(sweep.cells()).hasSize(2);
      SweepWorker worker = worker(folder);
      assertThatThrownBy(() -> worker.train("seed=4", STOPPING))
          .isInstanceOf(StoppedException.class);
      assertThat(cell.resolve("checkpoint-000000001.safetensors")).exists();
      assertThat(worker.train("seed=3", SweepListener.NONE)).isNull();
    }
    try (Sweep sweep = Sweep.resume(store, ENGINES, 1L << 30, folder)) {
      assertThat(sweep.tokensLeft())
          .isEqualTo(40L * sweep.cells().getFirst().config().schedule().batch());
      assertThat(sweep.run(SweepListener.NONE).done()).isEqualTo(2);
    }
  }

  @Test
  void oneThatWaitsForAnotherProcessCanBeStopped() throws IOException {
    Path folder = temp.resolve("sweep");
    Path cell = folder.resolve("cells").resolve("seed=3");
    try (Sweep sweep = elsewhere(Grid.parse(List.of("seed=3,4")), folder)) {
      assertThat(sweep.cells()).hasSize(2);
      Files.createDirectories(cell);
      try (FolderLock other = FolderLock.take(cell, "run")) {
        assertThat(other).isNotNull();
        assertThatThrownBy(() -> worker(folder).train("seed=3", STOPPING))
            .isInstanceOf(StoppedException.class)
            .hasMessageContaining("while another process trained cell seed=3");
      }
      assertThat(worker(folder).train("seed=3", SweepListener.NONE)).isNull();
      assertThat(worker(folder).train("seed=3", SweepListener.NONE)).isNull();
      assertThatThrownBy(() -> worker(folder).train("seed=5", SweepListener.NONE))
          .hasMessageContaining("has no cell seed=5");
    }
  }

  @Test
  void resultsMayAppearLate() throws IOException {
    Path folder = temp.resolve("sweep");
    try (Sweep sweep = elsewhere(Grid.parse(List.of("seed=3", "lr=0.001,1e30")), folder)) {
      Map<String, String> failures = new HashMap<>();
      SweepWorker worker = worker(folder);
      failures.put("lr=1e30", worker.train("lr=1e30", SweepListener.NONE));
      List<SweepCell> left = sweep.cells().subList(0, 1);
      SweepResult result =
          sweep.run(
              SweepListener.NONE,
              (cells, listener) -> {
                CompletableFuture.runAsync(() -> trainAll(folder, left));
                return failures;
              });
      assertThat(result.done()).isEqualTo(1);
      assertThat(result.cells().getLast().failure()).contains("try a lower learning rate");
    }
  }

  @Test
  void refusesALockThatDoesNotHoldHereAndAnotherStore() throws IOException {
    Path folder = temp.resolve("sweep");
    Grid grid = Grid.parse(List.of("seed=3"));
    elsewhere(grid, folder).close();
    assertThatThrownBy(() -> worker(folder))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(folder + ": is locked by the process that began the sweep, but not")
        .hasMessageContaining("NFS 4");
    ActivationStore other = SyntheticStore.write(temp.resolve("other"), 1100, DType.F32, 7);
    assertThatThrownBy(() -> SweepWorker.open(other, ENGINES, folder))
        .hasMessageContaining("store of 1200 rows");
    assertThatThrownBy(() -> Sweep.resumeElsewhere(other, folder))
        .hasMessageContaining("store of 1200 rows");
    assertThatThrownBy(
            () -> elsewhere(Grid.parse(List.of("d-init=5,30", "init=asi")), temp.resolve("wide")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("cell d-init=30");
    assertThat(temp.resolve("wide")).doesNotExist();
  }
}

package io.sluice.training.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.testing.Seeds;
import io.sluice.training.SyntheticStore;
import io.sluice.training.Trainer;
import io.sluice.training.TrainerTest;
import io.sluice.training.config.PenaltyKind;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("slow")
class SweepTest {
  private static final EngineFactory ENGINES = EngineFactory.vector(Workers.allCores());
  private static final long PLENTY = 1L << 30;
  @TempDir private Path temp;
  private ActivationStore store;

  @BeforeEach
  void writeStore() throws IOException {
    store = SyntheticStore.write(temp.resolve("store"), 1200, DType.F32, 7);
  }

  private static Grid grid() {
    return Grid.parse(List.of("init=random,asi", "whiten=off,on", "seed=3,4"));
  }

  private static List<SweepCell> cells(Grid grid) {
    return grid.cells(() -> TrainerTest.small().dataSeed(9).steps(40).checkpointEvery(10), 0.99, 0);
  }

  private SweepResult run(Grid grid, long memory, Path folder) throws IOException {
    try (Sweep sweep =
        Sweep.start(store, grid, cells(grid), ENGINES, "vector cpu", memory, folder)) {
      return sweep.run(SweepListener.NONE);
    }
  }

  @Test
  void everyCellIsTheRunThatItsConfigurationGivesAlone() throws IOException {
    Path folder = temp.resolve("sweep");
    SweepResult result = run(grid(), PLENTY, folder);
    assertThat(result.cells()).hasSize(8);
    assertThat(result.done()).isEqualTo(8);
    assertCellsAreRunsAlone(result, folder);
    assertThat(result.groups()).hasSize(4);
    assertThat(result.groups().getFirst().seeds()).isEqualTo(2);
    assertThat(result.groups().getFirst().fvu().standardError()).isPositive();
    assertThat(Sweep.read(folder).groups()).isEqualTo(result.groups());
  }

  @Test
  void activationsAndBatchesAreAxes() throws IOException {
    Path folder = temp.resolve("sweep");
    Grid grid =
        Grid.parse(
            List.of(
                "activation=topk,relu,jumprelu,matching_pursuit", "penalty=0.2", "batch=48,64"));
    SweepResult result = run(grid, PLENTY, folder);
    assertThat(result.cells())
        .extracting(outcome -> outcome.cell().name())
        .containsExactly(
            "activation=topk,batch=48",
            "activation=topk,batch=64",
            "activation=relu,batch=48",
            "activation=relu,batch=64",
            "activation=jumprelu,batch=48",
            "activation=jumprelu,batch=64",
            "activation=matching_pursuit,batch=48",
            "activation=matching_pursuit,batch=64");
    assertThat(result.done()).isEqualTo(8);
    assertThat(result.cells().get(0).cell().values()).doesNotContainKey(Axis.PENALTY);
    assertThat(result.cells().get(2).cell().values()).containsEntry(Axis.PENALTY, "0.2");
    assertThat(result.cells().get(5).cell().config().sparsity().penalty().kind())
        .isEqualTo(PenaltyKind.L0);
    assertCellsAreRunsAlone(result, folder);
    assertThat(Sweep.read(folder).groups()).isEqualTo(result.groups());
  }

  @Test
  void whatHasNoMeaningToAnActivationMakesNoCells() {
    Grid grid =
        Grid.parse(List.of("penalty=0.1,0.3", "k=2,4", "activation=topk,relu,gated,batchtopk"));
    assertThat(cells(grid))
        .extracting(SweepCell::name)
        .containsExactlyInAnyOrder(
            "k=2,activation=topk",
            "k=4,activation=topk",
            "k=2,activation=batchtopk",
            "k=4,activation=batchtopk",
            "penalty=0.1,activation=relu",
            "penalty=0.3,activation=relu",
            "penalty=0.1,k=2,activation=gated",
            "penalty=0.1,k=4,activation=gated",
            "penalty=0.3,k=2,activation=gated",
            "penalty=0.3,k=4,activation=gated");
  }

  @Test
  void asManyTokensAreFewerStepsOfALargerBatch() {
    Grid grid = Grid.parse(List.of("batch=48,64", "resample=on"));
    List<SweepCell> cells =
        grid.cells(() -> TrainingConfig.of("h").features(64).k(4).tokens(4800), 0.99, 0);
    assertThat(cells)
        .extracting(cell -> cell.config().schedule().steps())
        .containsExactly(100L, 75L);
    assertThat(cells)
        .extracting(cell -> cell.config().remedies().resampleEvery())
        .containsExactly(12L, 9L);
  }

  private void assertCellsAreRunsAlone(SweepResult result, Path folder) throws IOException {
    for (SweepResult.Outcome outcome : result.cells()) {
      Path alone = temp.resolve("alone").resolve(outcome.cell().name());
      RunResult own;
      try (Trainer trainer =
          Trainer.start(store, outcome.cell().config(), ENGINES, "alone", alone)) {
        own = trainer.run(TrainingListener.NONE);
      }
      Path cell = folder.resolve("cells").resolve(outcome.cell().name());
      assertThat(cell.resolve("dictionary.safetensors"))
          .hasSameBinaryContentAs(alone.resolve("dictionary.safetensors"));
      assertThat(TrainerTest.untimed(cell)).isEqualTo(TrainerTest.untimed(alone));
      assertThat(outcome.result().fvu()).isEqualTo(own.fvu());
    }
  }

  @Test
  void endsInTheSameNumbersHoweverOftenItIsStoppedAndHoweverLittleMemoryThereIs()
      throws IOException {
    Path whole = temp.resolve("whole");
    SweepResult expected = run(grid(), PLENTY, whole);
    long oneAndAHalf = cells(grid()).getFirst().bytes(SyntheticStore.WIDTH, true) * 3 / 2;
    long seed = Seeds.seed();
    Random random = new Random(seed);
    Path stopped = temp.resolve("stopped");
    for (int sitting = 0; ; sitting++) {
      long memory = random.nextBoolean() ? PLENTY : oneAndAHalf;
      int steps = sitting > 20 ? Integer.MAX_VALUE : 1 + random.nextInt(100);
      SweepListener stop =
          new SweepListener() {
            private int left = steps;

            @Override
            public void stepped(SweepCell cell, long step) {
              if (--left == 0) {
                throw new IllegalStateException("stopped");
              }
            }
          };
      try (Sweep sweep =
          sitting == 0
              ? Sweep.start(store, grid(), cells(grid()), ENGINES, "vector cpu", memory, stopped)
              : Sweep.resume(store, ENGINES, memory, stopped)) {
        SweepResult result = sweep.run(stop);
        for (int i = 0; i < 8; i++) {
          assertThat(result.cells().get(i).result().fvu())
              .as("seed %d", seed)
              .isEqualTo(expected.cells().get(i).result().fvu());
          String name = result.cells().get(i).cell().name();
          assertThat(stopped.resolve("cells").resolve(name).resolve("dictionary.safetensors"))
              .as("seed %d", seed)
              .hasSameBinaryContentAs(
                  whole.resolve("cells").resolve(name).resolve("dictionary.safetensors"));
        }
        break;
      } catch (IllegalStateException e) {
        assertThat(e).hasMessage("stopped");
      }
    }
  }

  @Test
  void aCellThatDivergesLeavesTheOthersAlone() throws IOException {
    Grid grid = Grid.parse(List.of("lr=1e-3,1e30"));
    List<String> failed = new ArrayList<>();
    try (Sweep sweep =
        Sweep.start(
            store, grid, cells(grid), ENGINES, "vector cpu", PLENTY, temp.resolve("sweep"))) {
      SweepResult result =
          sweep.run(
              new SweepListener() {
                @Override
                public void failed(SweepCell cell, String why) {
                  failed.add(cell.name());
                }
              });
      assertThat(failed).containsExactly("lr=1e30");
      assertThat(result.done()).isEqualTo(1);
      assertThat(result.cells().get(1).failure()).contains("learning rate");
    }
  }

  @Test
  void namesWhatIsWrongWithAGrid() {
    assertThatThrownBy(() -> Grid.parse(List.of("innit=asi")))
        .hasMessageStartingWith("unknown axis 'innit'; known: init, d-init, centring");
    assertThatThrownBy(() -> Grid.parse(List.of("kind=autoencoder,transcoder")))
        .hasMessageStartingWith("kind cannot be an axis: all cells read and write the hook point");
    assertThatThrownBy(() -> Grid.parse(List.of("steps=10,20")))
        .hasMessageStartingWith("steps cannot be an axis: all cells share one reading");
    assertThatThrownBy(() -> Grid.parse(List.of("activation=batch-topk")))
        .hasMessageStartingWith("axis activation has no value 'batch-topk'; it can be topk, abs");
    Grid free = Grid.parse(List.of("activation=topk,gated"));
    assertThatThrownBy(() -> cells(free))
        .hasMessageStartingWith("cell activation=gated: activation gated needs a penalty; give");
    Grid useless = Grid.parse(List.of("penalty=1,2", "activation=topk,batchtopk"));
    assertThatThrownBy(() -> cells(useless))
        .hasMessage("axis penalty cannot be combined with activation topk, batchtopk");
    Grid unfit = Grid.parse(List.of("activation=abstopk", "auxk=on"));
    assertThatThrownBy(() -> cells(unfit)).hasMessageContaining("AuxK needs an activation");
    assertThatThrownBy(() -> Grid.parse(List.of("init=asi,rnd")))
        .hasMessage("axis init has no value 'rnd'; it can be random, asi");
    assertThatThrownBy(() -> Grid.parse(List.of("features=1024,")))
        .hasMessage("axis features has no value ''; it can be a number from 1");
    assertThatThrownBy(() -> Grid.parse(List.of("constrain=on")))
        .hasMessage("axis constrain has no value 'on'; it can be off, auto or a number from 1");
    assertThatThrownBy(() -> Grid.parse(List.of("lr=0")))
        .hasMessage("axis lr has no value '0'; it can be a positive number");
    assertThatThrownBy(() -> Grid.parse(List.of("seed=1", "seed=2")))
        .hasMessage("axis seed is given twice");
    assertThatThrownBy(() -> Grid.parse(List.of("seed=1,2,1")))
        .hasMessage("axis seed has '1' twice");
    assertThatThrownBy(() -> Grid.parse(List.of("seed"))).hasMessageContaining("axis=value");
    List<String> many = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      many.add(String.valueOf(i + 1));
    }
    String values = String.join(",", many);
    assertThatThrownBy(() -> Grid.parse(List.of("seed=" + values, "features=" + values)))
        .hasMessage("the grid has 40,000 cells, at most 4,096 are trained; leave out values");
    Grid tooFew = Grid.parse(List.of("features=2", "k=3"));
    assertThatThrownBy(() -> cells(tooFew)).hasMessageStartingWith("cell cell: k (3) is more");
  }

  @Test
  void leavesNothingBehindWhenItCannotBegin() throws IOException {
    Path folder = temp.resolve("sweep");
    Grid large = Grid.parse(List.of("features=900000000"));
    assertThatThrownBy(() -> run(large, PLENTY, folder))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("of memory, but the sweep has 1.1 GB");
    Grid wide = Grid.parse(List.of("constrain=25"));
    assertThatThrownBy(() -> run(wide, PLENTY, folder)).hasMessageContaining("24 wide");
    assertThat(folder).doesNotExist();
  }

  @Test
  void twoSweepsDoNotShareAFolder() throws IOException {
    Path folder = temp.resolve("sweep");
    Grid grid = Grid.parse(List.of("seed=1"));
    try (Sweep first =
        Sweep.start(store, grid, cells(grid), ENGINES, "vector cpu", PLENTY, folder)) {
      assertThat(first.cells()).hasSize(1);
      assertThatThrownBy(() -> run(grid, PLENTY, folder)).hasMessageContaining("another sweep");
      assertThatThrownBy(() -> Sweep.resume(store, ENGINES, PLENTY, folder))
          .hasMessageContaining("another sweep");
    }
    assertThatThrownBy(() -> run(grid, PLENTY, folder)).hasMessageContaining("--resume");
    Path file = folder.resolve("sweep.json");
    Files.writeString(file, Files.readString(file).replace("\"seed\" : [", "\"sed\" : ["));
    assertThatThrownBy(() -> Sweep.read(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("sweep.json: 'axes': unknown axis 'sed'");
    Files.writeString(file, "{\"format\" : ");
    assertThatThrownBy(() -> Sweep.read(folder)).hasMessageContaining("not valid JSON");
    assertThatThrownBy(() -> Sweep.resume(store, ENGINES, PLENTY, temp.resolve("none")))
        .hasMessageContaining("no sweep in this folder");
  }
}

package io.sluice.training.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.testing.ChildJvm;
import io.sluice.testing.Seeds;
import io.sluice.training.SyntheticStore;
import io.sluice.training.TrainerTest;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A sweep that is killed again and again ends where an undisturbed one ends. */
@Tag("slow")
class KilledSweepTest {
  private static final long MEMORY = 1L << 30;
  @TempDir private Path temp;

  /** The process that is killed: starts the sweep, or takes it up, and says each step. */
  public static final class Child {
    private Child() {}

    public static void main(String[] args) throws IOException {
      ActivationStore store = ActivationStore.open(Path.of(args[0]));
      System.out.println("begin");
      sweep(
          store,
          Path.of(args[1]),
          List.of(args).subList(2, args.length),
          new SweepListener() {
            @Override
            public void stepped(SweepCell cell, long step) {
              System.out.println(cell.name() + " " + step);
            }
          });
    }
  }

  private static void sweep(
      ActivationStore store, Path folder, List<String> axes, SweepListener listener)
      throws IOException {
    EngineFactory engines = EngineFactory.vector(Workers.allCores());
    Grid grid = Grid.parse(axes);
    List<SweepCell> cells =
        grid.cells(() -> TrainerTest.small().steps(60).checkpointEvery(7), 0.99, 200);
    try (Sweep sweep =
        Files.exists(folder.resolve("sweep.json"))
            ? Sweep.resume(store, engines, MEMORY, folder)
            : Sweep.start(store, grid, cells, engines, "vector cpu", MEMORY, folder)) {
      sweep.run(listener);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "init=random,asi auxk=off,on resample=5",
        // The second batch size comes after the first is done.
        "activation=batchtopk,jumprelu penalty=0.3 batch=48,64"
      })
  void endsInTheSameBits(String grid) throws Exception {
    List<String> axes = List.of(grid.split(" "));
    long seed = Seeds.seed();
    Random random = new Random(seed);
    ActivationStore store = SyntheticStore.write(temp.resolve("store"), 900, DType.F32, 5);
    Path whole = temp.resolve("whole");
    sweep(store, whole, axes, SweepListener.NONE);
    Path killed = temp.resolve("killed");
    // The first lines come before and while the cells are set up, in all there are 241.
    for (int kill = 0; kill < 3; kill++) {
      Process child = start(store, killed, axes);
      kill(child, kill == 0 ? 1 : 1 + random.nextInt(120));
    }
    sweep(store, killed, axes, SweepListener.NONE);
    SweepResult expected = Sweep.read(whole);
    SweepResult found = Sweep.read(killed);
    assertThat(found.done()).isEqualTo(4);
    for (int i = 0; i < 4; i++) {
      String name = expected.cells().get(i).cell().name();
      Path cell = killed.resolve("cells").resolve(name);
      Path own = whole.resolve("cells").resolve(name);
      assertThat(cell.resolve("dictionary.safetensors"))
          .as("%s, seed %d", name, seed)
          .hasSameBinaryContentAs(own.resolve("dictionary.safetensors"));
      assertThat(TrainerTest.untimed(cell)).isEqualTo(TrainerTest.untimed(own));
    }
  }

  /** Kills the process after some lines of output, if it has not ended before. */
  private static void kill(Process child, int lines) throws Exception {
    try (BufferedReader output = child.inputReader()) {
      for (int i = 0; i < lines && output.readLine() != null; i++) {}
      child.destroyForcibly();
      child.waitFor();
    }
  }

  private static Process start(ActivationStore store, Path folder, List<String> axes)
      throws IOException {
    List<String> arguments = new ArrayList<>(List.of(store.folder().toString(), folder.toString()));
    arguments.addAll(axes);
    return ChildJvm.start(Child.class, "256m", arguments);
  }
}

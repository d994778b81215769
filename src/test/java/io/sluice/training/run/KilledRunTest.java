package io.sluice.training.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.dictionary.VerifiedTensors;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.testing.ChildJvm;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.training.SyntheticStore;
import io.sluice.training.Trainer;
import io.sluice.training.TrainerTest;
import io.sluice.training.config.TrainingConfig;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A training process that is killed again and again ends where an undisturbed one ends. */
@Tag("slow")
class KilledRunTest {
  private static final int STEPS = 300;

  /**
   * Steps that a process may take beyond the line that it is killed for: enough to die amid a
   * checkpoint, too few to be done before a killer comes that a busy machine holds up.
   */
  private static final int AHEAD = 20;

  /** Features of the run that writes a large checkpoint after each step. */
  private static final int MANY = 20_000;

  @TempDir private Path temp;

  /**
   * The process that is killed: starts the run, or takes it up, and says each step. After some it
   * waits to be killed, for as long as its killer lives.
   */
  public static final class Child {
    private Child() {}

    public static void main(String[] args) throws IOException {
      ActivationStore store = ActivationStore.open(Path.of(args[0]));
      Path run = Path.of(args[1]);
      EngineFactory engines = EngineFactory.named(args[2], Device.CPU);
      int allowed = Integer.parseInt(args[3]);
      System.out.println("begin");
      if (isComplete(run)) {
        return;
      }
      try (Trainer trainer =
          Files.exists(run.resolve("run.json"))
              ? Trainer.resume(store, engines, run)
              : Trainer.start(
                  store,
                  args[4].equals("writing") ? writing() : config(),
                  engines,
                  "killed",
                  run)) {
        trainer.run(
            new TrainingListener() {
              private int taken;

              @Override
              public void stepped(long step, long tokens) {
                System.out.println(step);
                if (++taken >= allowed) {
                  waitForever();
                }
              }
            });
      }
    }

    /** A kill may come when all is written and only the process has not ended. */
    private static boolean isComplete(Path run) throws IOException {
      Path description = run.resolve("run.json");
      return Files.exists(description) && Files.readString(description).contains("\"result\"");
    }

    private static void waitForever() {
      try {
        System.in.read();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static TrainingConfig config() {
    return TrainerTest.small().steps(STEPS).checkpointEvery(7).build();
  }

  private static TrainingConfig writing() {
    return TrainerTest.small().features(MANY).steps(24).checkpointEvery(1).build();
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "vector", "torch"})
  void endsInTheSameBits(String engine) throws Exception {
    Assumptions.assumeTrue(!engine.equals("torch") || Torch.isAvailable(), "no LibTorch here");
    long seed = Seeds.seed();
    Random random = new Random(seed);
    ActivationStore store = SyntheticStore.write(temp.resolve("store"), 1500, DType.F32, 5);
    Path whole = temp.resolve("whole");
    try (Trainer trainer =
        Trainer.start(store, config(), EngineFactory.named(engine, Device.CPU), "whole", whole)) {
      trainer.run(TrainingListener.NONE);
    }
    Path killed = temp.resolve("killed");
    int kills = 0;
    while (true) {
      // Lines to see before the kill; the first comes before the run is set up.
      int lines = kills == 0 ? 1 : 1 + random.nextInt(STEPS / 2);
      Process child = start(store, killed, engine, lines + AHEAD, "small");
      if (finishes(child, lines)) {
        break;
      }
      kills++;
    }
    assertThat(kills).as("seed %d", seed).isGreaterThan(1);
    assertThat(killed.resolve("dictionary.safetensors"))
        .as("after %d kills, seed %d", kills, seed)
        .hasSameBinaryContentAs(whole.resolve("dictionary.safetensors"));
    assertThat(TrainerTest.untimed(killed)).isEqualTo(TrainerTest.untimed(whole));
  }

  /** Most of the time of these steps is spent in writing checkpoints. */
  @Test
  void aKillAmidACheckpointLeavesTheOneBefore() throws Exception {
    long seed = Seeds.seed();
    Random random = new Random(seed);
    ActivationStore store = SyntheticStore.write(temp.resolve("store"), 1500, DType.F32, 5);
    Path whole = temp.resolve("whole");
    EngineFactory engines = EngineFactory.named("vector", Device.CPU);
    try (Trainer trainer = Trainer.start(store, writing(), engines, "whole", whole)) {
      trainer.run(TrainingListener.NONE);
    }
    Path killed = temp.resolve("killed");
    long newest = -1;
    int amid = 0;
    for (int kill = 0; kill < 12; kill++) {
      Process child = start(store, killed, "vector", Integer.MAX_VALUE, "writing");
      if (finishes(child, 2 + random.nextInt(4), random.nextInt(30_000_000))) {
        break;
      }
      if (Files.exists(killed.resolve("run.json"))) {
        amid += partsOfCheckpoints(killed);
        List<Path> checkpoints = StateFile.list(killed);
        for (Path checkpoint : checkpoints) {
          VerifiedTensors.open(checkpoint);
        }
        long step = checkpoints.isEmpty() ? -1 : stepOf(checkpoints.getFirst());
        assertThat(step).as("kill %d, seed %d", kill, seed).isGreaterThanOrEqualTo(newest);
        newest = step;
      }
    }
    assertThat(amid).as("kills amid a checkpoint, seed %d", seed).isPositive();
    if (!Child.isComplete(killed)) {
      try (Trainer trainer = Trainer.resume(store, engines, killed)) {
        assertThat(trainer.step()).isEqualTo(Math.max(0, newest));
        trainer.run(TrainingListener.NONE);
      }
    }
    assertThat(killed.resolve("dictionary.safetensors"))
        .as("seed %d", seed)
        .hasSameBinaryContentAs(whole.resolve("dictionary.safetensors"));
    assertThat(TrainerTest.untimed(killed)).isEqualTo(TrainerTest.untimed(whole));
  }

  private static int partsOfCheckpoints(Path run) throws IOException {
    try (Stream<Path> files = Files.list(run)) {
      return (int)
          files
              .map(file -> file.getFileName().toString())
              .filter(name -> name.startsWith("checkpoint-") && name.endsWith(".tmp"))
              .count();
    }
  }

  private static long stepOf(Path checkpoint) {
    return Long.parseLong(checkpoint.getFileName().toString().replaceAll("\\D", ""));
  }

  private static boolean finishes(Process child, int lines) throws Exception {
    return finishes(child, lines, 0);
  }

  /** Kills the process some time after some lines of output; true if it ended well before. */
  private static boolean finishes(Process child, int lines, long nanos) throws Exception {
    try (BufferedReader output = child.inputReader()) {
      String last = "";
      for (int i = 0; i < lines; i++) {
        String line = output.readLine();
        if (line == null) {
          assertThat(child.waitFor()).as("exit status after '%s'", last).isZero();
          return true;
        }
        last = line;
      }
      LockSupport.parkNanos(nanos);
      child.destroyForcibly();
      child.waitFor();
      return false;
    }
  }

  private static Process start(
      ActivationStore store, Path run, String engine, int steps, String config) throws IOException {
    return ChildJvm.start(
        Child.class,
        "256m",
        List.of(
            store.folder().toString(), run.toString(), engine, Integer.toString(steps), config));
  }
}

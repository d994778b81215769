package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.training.SyntheticStore;
import io.sluice.training.Trainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a signal leaves of a training. */
@Tag("slow")
class StoppedTrainingTest {
  @TempDir private Path temp;

  @Test
  void aSignalWritesACheckpointAndNamesResume() throws Exception {
    Path store = temp.resolve("store");
    SyntheticStore.write(store, 3000, DType.F32, 1);
    Path run = temp.resolve("run");
    Path err = temp.resolve("err");
    ProcessBuilder builder =
        new ProcessBuilder(
            List.of(
                Path.of("bin/sluice").toAbsolutePath().toString(),
                "train",
                "--store",
                store.toString(),
                "--hook",
                SyntheticStore.HOOK,
                "--features",
                "64",
                "--k",
                "4",
                "--batch",
                "64",
                "--steps",
                "100000000",
                "--checkpoint-every",
                "0",
                "--engine",
                "vector",
                "--out",
                run.toString()));
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process =
        builder.redirectError(err.toFile()).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    try {
      Path metrics = run.resolve("metrics.jsonl");
      long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
      while (!Files.exists(metrics) && process.isAlive() && System.nanoTime() < end) {
        Thread.onSpinWait();
      }
      process.destroy();
      assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    String said = Files.readString(err);
    assertThat(process.exitValue()).as(said).isEqualTo(143);
    assertThat(said).hasLineCount(1);
    assertThat(said)
        .containsPattern(
            "sluice train: stopped after \\d+ of 100000000 steps, with a checkpoint; continue with"
                + " 'sluice train --resume --out ");
    assertThat(step(store, run)).isGreaterThanOrEqualTo(25);
  }

  private static long step(Path store, Path run) throws IOException {
    try (Trainer trainer =
        Trainer.resume(
            ActivationStore.open(store),
            EngineFactory.named("vector", io.sluice.torch.Device.CPU),
            run)) {
      return trainer.step();
    }
  }
}

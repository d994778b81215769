package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.training.SyntheticStore;
import io.sluice.training.Trainer;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.StoppedException;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Commands whose files do not fit: the shell's limit on the size of a file stands for a full disk,
 * which needs no right to mount one. Writing fails in the same place and the same way.
 */
@Tag("slow")
@DisabledOnOs(OS.WINDOWS)
class FullDiskTest {
  private static final Path LAUNCHER = Path.of("bin/sluice").toAbsolutePath();
  private static final Path MODEL =
      Path.of("src/test/resources/golden/model/tiny-bert").toAbsolutePath();

  @TempDir private Path temp;
  private Path store;
  private Path run;

  @BeforeEach
  void writeStore() throws IOException {
    // The first use on a machine unpacks LibTorch, which would not fit either.
    Torch.isAvailable();
    store = temp.resolve("store");
    run = temp.resolve("run");
    SyntheticStore.write(store, 1500, DType.F32, 1);
  }

  @Test
  void captureKeepsAStoreThatOpens() throws Exception {
    Path text =
        Files.writeString(temp.resolve("text.txt"), "the white whale sails the sea. ".repeat(200));
    Path out = temp.resolve("out");
    refused(
        32,
        "shard-00000.arrow",
        "capture",
        "--model",
        MODEL,
        "--text",
        text,
        "--hooks",
        "layers.*.*",
        "--out",
        out);
    assertThat(ActivationStore.open(out).rows()).isZero();
    assertThat(out).isDirectoryNotContaining("glob:**.tmp");
  }

  @Test
  void spectrumKeepsWhatWasThere() throws Exception {
    Path out = Files.writeString(temp.resolve("spectrum.json"), "old");
    refused(0, "spectrum.json", "spectrum", "--store", store, "--out", out);
    assertThat(out).hasContent("old");
    refused(0, "stats", "spectrum", "--store", store, "--stats", temp.resolve("stats"));
  }

  @Test
  void trainingKeepsARunThatGoesOn() throws Exception {
    List<Object> arguments =
        List.of(
            "train",
            "--store",
            store,
            "--hook",
            SyntheticStore.HOOK,
            "--features",
            "256",
            "--k",
            "4",
            "--batch",
            "16",
            "--steps",
            "4",
            "--checkpoint-every",
            "2",
            "--out",
            run);
    refused(32, "checkpoint-000000000.safetensors", arguments.toArray());
    assertThat(run.resolve("run.json")).doesNotExist();
    assertThat(sluice(arguments.toArray())).isZero();
    assertThat(run.resolve("dictionary.json")).exists();
  }

  @Test
  void trainingKeepsTheCheckpointBefore() throws Exception {
    ActivationStore activations = ActivationStore.open(store);
    TrainingConfig config =
        TrainingConfig.of(SyntheticStore.HOOK)
            .features(256)
            .k(4)
            .batch(16)
            .steps(8)
            .checkpointEvery(2)
            .build();
    EngineFactory engines = EngineFactory.named("vector", Device.CPU);
    Path whole = temp.resolve("whole");
    try (Trainer trainer = Trainer.start(activations, config, engines, "run", whole)) {
      trainer.run(TrainingListener.NONE);
    }
    try (Trainer trainer = Trainer.start(activations, config, engines, "run", run)) {
      TrainingListener afterFive =
          new TrainingListener() {
            @Override
            public boolean stops() {
              return trainer.step() == 5;
            }
          };
      assertThatThrownBy(() -> trainer.run(afterFive)).isInstanceOf(StoppedException.class);
    }
    refused(32, "checkpoint-000000006.safetensors", "train", "--resume", "--out", run);
    assertThat(run).isDirectoryNotContaining("glob:**.tmp");
    try (Trainer trainer = Trainer.resume(activations, engines, run)) {
      assertThat(trainer.step()).isEqualTo(5);
      trainer.run(TrainingListener.NONE);
    }
    assertThat(run.resolve("dictionary.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("dictionary.safetensors"));
  }

  @Test
  void evaluationAndReportKeepWhatWasThere() throws Exception {
    assertThat(
            sluice(
                "train",
                "--store",
                store,
                "--hook",
                SyntheticStore.HOOK,
                "--features",
                "32",
                "--k",
                "4",
                "--batch",
                "16",
                "--steps",
                "4",
                "--out",
                run))
        .isZero();
    Path evaluation = Files.writeString(run.resolve("evaluation.json"), "old");
    refused(0, "evaluation.json", "evaluate", "--store", store, "--dictionary", run);
    assertThat(evaluation).hasContent("old");
    Files.delete(evaluation);
    Path report = Files.writeString(temp.resolve("report.html"), "old");
    refused(32, "report.html", "report", "--run", run, "--out", report);
    assertThat(report).hasContent("old");
  }

  @Test
  void aLibTorchThatIsNotThereIsNamed() throws Exception {
    List<String> command =
        List.of(
            LAUNCHER.toString(),
            "train",
            "--store",
            store.toString(),
            "--hook",
            SyntheticStore.HOOK,
            "--engine",
            "torch",
            "--out",
            run.toString());
    CommandProcess result = CommandProcess.run(temp, Map.of("LIBTORCH", "/no/such"), command);
    assertThat(result.status()).isEqualTo(1);
    assertThat(result.err().lines()).as(result.err()).hasSize(1);
    assertThat(result.err()).contains("LIBTORCH", "/no/such", "correct or remove it");
    assertThat(run).doesNotExist();
  }

  /** Runs {@code bin/sluice} where no file may grow beyond {@code kibibytes}. */
  private void refused(int kibibytes, String file, Object... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of("bash", "-c", "(ulimit -f " + kibibytes + "; exec \"$0\" \"$@\") 2>&1 | cat"));
    command.add(LAUNCHER.toString());
    Stream.of(arguments).map(Object::toString).forEach(command::add);
    CommandProcess result =
        CommandProcess.run(temp, Map.of("SLUICE_JAVA_OPTS", "-XX:-UsePerfData"), command);
    // What there is to say beside it, of the disk or of results, is said before.
    String output = result.out();
    assertThat(output.lines().filter(line -> line.startsWith("sluice "))).as(output).hasSize(1);
    assertThat(output.lines().reduce("", (before, line) -> line)).startsWith("sluice ");
    assertThat(output).doesNotContain("\tat ");
    assertThat(output).contains(file + ": cannot be written (File too large)", "make room");
  }

  private static int sluice(Object... arguments) {
    return Main.run(
        new PrintWriter(new StringWriter()),
        new PrintWriter(new StringWriter()),
        Stream.of(arguments).map(Object::toString).toArray(String[]::new));
  }
}

package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.memory.DType;
import io.sluice.report.Report;
import io.sluice.report.TrainingRun;
import io.sluice.testing.FuzzRun;
import io.sluice.testing.InMemory;
import io.sluice.testing.JsonMutations;
import io.sluice.training.SyntheticStore;
import io.sluice.training.sweep.Sweep;
import io.sluice.training.sweep.SweepResult;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What runs and sweeps leave, damaged in what it says: it is drawn, or refused in one line. */
@Tag("fuzz")
class RunFilesFuzzTest {
  @TempDir(factory = InMemory.class)
  private Path folder;

  private Path sweep;
  private Path run;
  private int drawn;

  @BeforeEach
  void train() throws IOException {
    Path store = folder.resolve("store");
    SyntheticStore.write(store, 3000, DType.F32, 1);
    sweep = folder.resolve("sweep");
    StringWriter said = new StringWriter();
    int status =
        Main.run(
            new PrintWriter(said),
            new PrintWriter(said),
            ("sweep --store " + store + " --hook " + SyntheticStore.HOOK + " --out " + sweep)
                .concat(" --vary init=random,asi --vary centring=off,on --vary features=16")
                .concat(" --vary k=2 --steps 6 --batch 16 --checkpoint-every 0 --device cpu")
                .split(" "));
    assertThat(status).as(said.toString()).isZero();
    try (Stream<Path> cells = Files.list(sweep.resolve("cells"))) {
      run = cells.sorted().findFirst().orElseThrow();
    }
    status =
        Main.run(
            new PrintWriter(said),
            new PrintWriter(said),
            "evaluate",
            "--store",
            store.toString(),
            "--dictionary",
            run.toString());
    assertThat(status).as(said.toString()).isZero();
  }

  @Test
  @Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void sweepsAreReadOrRefusedInOneLine() throws IOException {
    List<Path> files = List.of(sweep.resolve("sweep.json"), run.resolve("run.json"));
    fuzz(
        "RunFilesFuzzTest sweep",
        files,
        () -> {
          SweepResult read = Sweep.read(sweep);
          // Drawing takes longer than all the rest.
          if (drawn++ % 20 == 0) {
            new Report("t", null, List.of(), null, List.of(read), List.of()).html();
          }
        });
  }

  @Test
  @Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void runsAreReadOrRefusedInOneLine() throws IOException {
    List<Path> files =
        List.of(
            run.resolve("run.json"), run.resolve("metrics.jsonl"), run.resolve("evaluation.json"));
    fuzz(
        "RunFilesFuzzTest run",
        files,
        () -> {
          TrainingRun read = TrainingRun.read(run);
          if (drawn++ % 20 == 0) {
            new Report("t", null, List.of(read), List.of()).html();
          }
        });
  }

  private void fuzz(String name, List<Path> files, FuzzRun.Use use) throws IOException {
    List<byte[]> whole = new ArrayList<>();
    for (Path file : files) {
      whole.add(Files.readAllBytes(file));
    }
    int count = FuzzRun.MUTATIONS / 3;
    int read =
        FuzzRun.run(
            name,
            count,
            folder,
            random -> {
              int victim = random.nextInt(files.size());
              long bytes = 0;
              for (int i = 0; i < files.size(); i++) {
                byte[] json = whole.get(i);
                if (i == victim) {
                  json = damaged(files.get(i), json, random);
                }
                Files.write(files.get(i), json);
                bytes += json.length;
              }
              return bytes;
            },
            use);
    assertThat(read).isBetween(count / 100, count * 19 / 20);
  }

  private static byte[] damaged(Path file, byte[] json, java.util.Random random) {
    if (!file.toString().endsWith("jsonl")) {
      return JsonMutations.mutate(json, random);
    }
    String[] lines = new String(json, StandardCharsets.UTF_8).split("\n");
    int at = random.nextInt(lines.length);
    byte[] line = lines[at].getBytes(StandardCharsets.UTF_8);
    lines[at] = new String(JsonMutations.mutate(line, random), StandardCharsets.UTF_8);
    return String.join("\n", lines).getBytes(StandardCharsets.UTF_8);
  }
}

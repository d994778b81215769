package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.report.Spectra;
import io.sluice.report.TrainingRun;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoCommandTest {
  @TempDir Path folder;

  @Test
  void tablesShowDimensionsByLayerAndTheRunsSideBySide() {
    List<Spectra.Hook> hooks = new ArrayList<>();
    for (int layer = 0; layer < 2; layer++) {
      for (String kind : List.of("attn_out", "resid")) {
        int dimension = kind.equals("resid") ? 90 - layer : 50 + layer;
        hooks.add(
            new Spectra.Hook(
                "layers." + layer + "." + kind,
                kind,
                layer,
                100,
                1000L,
                dimension,
                null,
                null,
                null,
                null,
                null,
                null,
                new double[] {2, 1},
                null,
                null));
      }
    }
    Spectra spectra =
        new Spectra("small-model", "novel.txt", 100_000, 0.995, 100, 2, hooks, List.of());
    StringWriter text = new StringWriter();
    new DemoTable(
            spectra,
            List.of(run("random", 0.47, 0.132, 5000), run("ASI, centred", 0.001, 0.111, 3)),
            16384,
            32,
            "layers.1.attn_out")
        .print(new PrintWriter(text, true));
    assertThat(text.toString())
        .contains("holds 99.5 % of the variance (100,000 tokens of novel.txt, small-model)")
        .contains("  0               -      50 %         -      90 %\n")
        .contains("  1               -      51 %         -      89 %\n")
        .contains("16,384 features on layers.1.attn_out, k 32, trained over 409,600 tokens")
        .containsPattern("random +47\\.0 % +0\\.1980 +0\\.1320 +5,000 +4,321\n")
        .containsPattern("ASI, centred +0\\.1 % +0\\.1665 +0\\.1110 +3 +4,321\n")
        .contains("the last 200,000 tokens")
        .contains("held-out, on 5,000 tokens in whole contexts")
        .contains("trained, on the other 95,000");
  }

  private static TrainingRun run(String name, double dead, double fvu, long never) {
    TrainingRun.Histogram histogram =
        new TrainingRun.Histogram(new double[] {-5, 0}, new long[] {1}, never);
    return new TrainingRun(
        name,
        List.of(),
        new TrainingRun.Result(
            400L, 409_600L, 1.5 * fvu, 5000L, fvu, 25L, 32.0, dead, 200_000L, 1.0, 4321.0, 90.0),
        List.of(),
        evaluation(
            "held-out",
            5000,
            1.5 * fvu,
            histogram,
            evaluation("trained", 95_000, fvu, histogram, null)));
  }

  private static TrainingRun.Evaluation evaluation(
      String rows,
      long tokens,
      double fvu,
      TrainingRun.Histogram histogram,
      TrainingRun.Evaluation trained) {
    return new TrainingRun.Evaluation(
        rows, tokens, fvu, 1 - fvu, 32.0, 0.0, tokens, histogram, trained, null);
  }

  @Tag("slow")
  @Test
  void failingStepEndsTheDemoWithItsOneLine() throws Exception {
    Path text = Files.writeString(folder.resolve("empty.txt"), "");
    StringWriter err = new StringWriter();
    int status =
        Main.run(
            new PrintWriter(new StringWriter()),
            new PrintWriter(err),
            "demo",
            "--text",
            text.toString(),
            "--out",
            folder.resolve("demo").toString());
    assertThat(status).isEqualTo(1);
    List<String> lines = err.toString().lines().toList();
    assertThat(lines).hasSize(2);
    assertThat(lines.get(0)).startsWith("$ sluice capture --model ");
    assertThat(lines.get(1)).startsWith("sluice capture: ").contains(text.toString());
  }

  @Test
  void refusesNumbersThatMakeNoSense() {
    StringWriter err = new StringWriter();
    int status =
        Main.run(new PrintWriter(new StringWriter()), new PrintWriter(err), "demo", "--steps", "0");
    assertThat(status).isEqualTo(2);
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(err.toString()).contains("--steps");
  }
}

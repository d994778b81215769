package io.sluice.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.report.TrainingRun.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingRunTest {
  @TempDir private Path folder;
  private Path run;
  private Path metrics;

  @BeforeEach
  void write() throws IOException {
    run = folder.resolve("asi");
    SyntheticReport.run(run, "asi, centred", "asi", true, 0.01, 0.11, new Random(3));
    metrics = run.resolve("metrics.jsonl");
  }

  @Test
  void readsWhatTheTrainCommandWrites() throws IOException {
    TrainingRun read = TrainingRun.read(run);
    assertThat(read.name()).isEqualTo("asi, centred");
    assertThat(read.setting("features")).isEqualTo("16384");
    assertThat(read.setting("centre")).isEqualTo("true");
    assertThat(read.metrics()).hasSize(80);
    assertThat(read.metrics().getLast().step()).isEqualTo(800);
    assertThat(read.result().deadFraction()).isEqualTo(0.01);
    assertThat(read.evaluation().frequencyHistogram().counts()).hasSize(24);
  }

  @Test
  void aRunStillGoingHasNoResultAndNoName() throws IOException {
    Files.writeString(
        run.resolve("run.json"),
        "{\"format\":\"sluice.run/1\",\"config\":{\"a\":{\"b\":[1,2]},\"c\":null}}");
    Files.delete(metrics);
    Files.delete(run.resolve("evaluation.json"));
    TrainingRun read = TrainingRun.read(run);
    assertThat(read.name()).isEqualTo("asi");
    assertThat(read.result()).isNull();
    assertThat(read.metrics()).isEmpty();
    assertThat(read.settings()).containsExactly(new TrainingRun.Setting("a.b", "[1,2]"));
  }

  @Test
  void leavesOutALastLineThatWasCutOff() throws IOException {
    String whole = Files.readString(metrics);
    Files.writeString(metrics, whole.substring(0, whole.length() - 30));
    List<Metric> read = TrainingRun.read(run).metrics();
    assertThat(read).hasSize(79);
  }

  @Test
  void takesTheLaterLineOfStepsLoggedTwice() throws IOException {
    Files.writeString(
        metrics,
        "{\"step\":1,\"tokens\":8,\"fvu\":1}\n{\"step\":2,\"tokens\":16,\"fvu\":0.9}\n"
            + "{\"step\":2,\"tokens\":16,\"fvu\":0.8}\n{\"step\":3,\"tokens\":24,\"fvu\":\"NaN\"}\n");
    List<Metric> read = TrainingRun.read(run).metrics();
    assertThat(read).extracting(Metric::step).containsExactly(1L, 2L, 3L);
    assertThat(read.get(1).fvu()).isEqualTo(0.8);
    assertThat(read.get(2).fvu()).isNaN();
  }

  @Tag("slow")
  @Test
  void thinsLongCurvesAndKeepsBothEnds() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int step = 1; step <= 50_001; step++) {
      lines.append("{\"step\":").append(step).append(",\"tokens\":").append(step).append("}\n");
    }
    Files.writeString(metrics, lines);
    List<Metric> read = TrainingRun.read(run).metrics();
    assertThat(read).hasSizeBetween(MetricsFile.MOST / 2, MetricsFile.MOST);
    assertThat(read.getFirst().step()).isEqualTo(1);
    assertThat(read.getLast().step()).isEqualTo(50_001);
    assertThat(read).extracting(Metric::step).isSorted().doesNotHaveDuplicates();
  }

  @Test
  void badRunFoldersAreNamed() throws IOException {
    rejects(folder.resolve("nowhere"), "no such run folder", "'sluice train'");
    rejects(metrics, "is not a folder", "'sluice train'");
    rejects(folder, "run.json: no such file", "'sluice train'");
    Path header = run.resolve("run.json");
    String whole = Files.readString(header);
    Files.writeString(header, whole.substring(0, whole.length() / 2));
    rejects(run, "run.json: is not valid JSON: it ends too early", "'sluice train'");
    Files.writeString(header, whole.replace("sluice.run/1", "sluice.run/9"));
    rejects(run, "run.json: format is 'sluice.run/9'", "'sluice train'");
    Files.writeString(
        header, whole.replace("\"result\":{\"steps\":800", "\"result\":{\"steps\":[]"));
    rejects(run, "run.json: 'result.steps' is [], not a whole number", "'sluice train'");
  }

  @Test
  void badMetricsAreNamed() throws IOException {
    Files.writeString(metrics, "");
    rejects(run, "metrics.jsonl: is empty", "delete");
    Files.writeString(metrics, "{\"step\":1,\"tokens\":1}\nnot json\n");
    rejects(run, "metrics.jsonl: line 2: is not valid JSON", "delete that line");
    Files.writeString(metrics, "{\"step\":1,\"tok");
    rejects(run, "metrics.jsonl: line 1: is not valid JSON: it ends too early", "delete");
    Files.writeString(metrics, "[1]\n");
    rejects(run, "metrics.jsonl: ", "delete");
  }

  @Test
  void badEvaluationsAreNamed() throws IOException {
    Path evaluation = run.resolve("evaluation.json");
    Files.writeString(
        evaluation,
        "{\"format\":\"sluice.evaluation/1\",\"frequencyHistogram\":{\"log10Edges\":[0],\"counts\":[1],\"neverFired\":0}}");
    rejects(run, "frequencyHistogram has 1 edges for 1 counts", "'sluice evaluate'");
  }

  private static void rejects(Path folder, String says, String advises) {
    assertThatThrownBy(() -> TrainingRun.read(folder))
        .isInstanceOf(IOException.class)
        .message()
        .startsWith(folder.toString())
        .contains(says)
        .contains(advises)
        .doesNotContain("\n");
  }
}

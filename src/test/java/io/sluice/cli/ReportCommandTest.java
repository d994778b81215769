package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.features.SyntheticFeatures;
import io.sluice.report.SyntheticReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportCommandTest {
  @TempDir private Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void writesOnePageFromSpectrumAndRuns() throws IOException {
    Path page = folder.resolve("page.html");
    List<String> args = new ArrayList<>();
    args.addAll(List.of("report", "--spectrum", SyntheticReport.spectrum(folder, 3, 2).toString()));
    for (Path run : SyntheticReport.runs(folder, 3)) {
      args.addAll(List.of("--run", run.toString()));
    }
    args.addAll(List.of("--title", "A <b>title</b>", "--out", page.toString()));
    assertThat(run(args)).isZero();
    assertThat(err.toString()).isEmpty();
    assertThat(out.toString()).startsWith(page.toString()).contains("MB");
    assertThat(Files.readString(page))
        .contains("<title>A &lt;b&gt;title&lt;/b&gt;</title>")
        .contains("Attention writes in");
  }

  @Test
  void showsADozenFeaturesAndLinksToTheirPage() throws IOException {
    Path features = SyntheticFeatures.write(folder.resolve("my features"), 100).path();
    Path page = folder.resolve("page.html");
    String[] line = {"report", "--features", features.toString(), "--out", page.toString()};
    assertThat(run(List.of(line))).as(err::toString).isZero();
    String without = Files.readString(page);
    assertThat(without).contains("runs/drawn").doesNotContain("my%20features.html");
    assertThat(without.split("\"words\":", -1)).hasSize(13);
    Files.writeString(folder.resolve("my features.html"), "x");
    assertThat(run(List.of(line))).isZero();
    assertThat(Files.readString(page)).contains("\"page\":\"./my%20features.html\"");
  }

  @Test
  void nothingToReportIsWrongUsage() {
    assertThat(run(List.of("report"))).isEqualTo(2);
    assertThat(err.toString()).contains("--spectrum").hasLineCount(1);
  }

  @Test
  void badInputFailsInOneLineAndWritesNothing() throws IOException {
    Path page = folder.resolve("page.html");
    Path spectrum = SyntheticReport.spectrum(folder, 1, 2);
    Files.writeString(spectrum, "{");
    assertThat(run(List.of("report", "--spectrum", spectrum.toString(), "--out", page.toString())))
        .isEqualTo(1);
    assertThat(err.toString())
        .contains(spectrum.toString())
        .contains("ends too early")
        .hasLineCount(1);
    assertThat(page).doesNotExist();
  }

  @Tag("slow")
  @Test
  void followsARunUntilItHasEnded() throws Exception {
    Path run = SyntheticReport.runs(folder, 3).getFirst();
    Path description = run.resolve("run.json");
    String whole = Files.readString(description);
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode going = (ObjectNode) mapper.readTree(whole);
    going.remove("result");
    Files.writeString(description, mapper.writeValueAsString(going));
    Path page = folder.resolve("page.html");
    AtomicInteger status = new AtomicInteger(-1);
    Thread following =
        Thread.ofPlatform()
            .daemon()
            .start(
                () ->
                    status.set(
                        run(
                            List.of(
                                "report",
                                "--run",
                                run.toString(),
                                "--follow",
                                "--every",
                                "1",
                                "--out",
                                page.toString()))));
    until(() -> text(page).contains("data-refresh=\"1\""));
    assertThat(text(page)).contains("http-equiv=\"refresh\"").contains("Not at its end: step");
    // A line that is not whole yet is left out; what comes with its rest is shown.
    String line =
        "{\"step\":123456,\"tokens\":777000,\"loss\":1.0,\"fvu\":0.5,\"l0\":32.0,"
            + "\"deadFraction\":0.1,\"deadWindowTokens\":5,\"learningRate\":0.1,"
            + "\"tokensPerSecond\":1.0,\"seconds\":1.0}\n";
    Path metrics = run.resolve("metrics.jsonl");
    Files.writeString(metrics, line.substring(0, 40), StandardOpenOption.APPEND);
    String before = text(page);
    until(() -> !text(page).equals(before));
    assertThat(text(page)).doesNotContain("777000").contains("data-refresh");
    Files.writeString(metrics, line.substring(40), StandardOpenOption.APPEND);
    until(() -> text(page).contains("777000"));
    assertThat(text(page)).contains("step 123,456 of").contains("data-refresh");
    // Damaged for a moment: the page stays, and goes on.
    Files.writeString(description, "{");
    Thread.sleep(1500);
    assertThat(text(page)).contains("777000").contains("data-refresh");
    assertThat(status.get()).isEqualTo(-1);
    Files.writeString(description, whole);
    following.join(60_000);
    assertThat(status.get()).as(err::toString).isZero();
    assertThat(text(page))
        .contains("777000")
        .doesNotContain("data-refresh=")
        .doesNotContain("http-equiv=\"refresh\"")
        .doesNotContain("Not at its end");
    assertThat(out.toString()).contains(page + " follows " + run);
  }

  private static String text(Path page) {
    try {
      return Files.exists(page) ? Files.readString(page) : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void until(BooleanSupplier holds) throws InterruptedException {
    for (int i = 0; i < 600 && !holds.getAsBoolean(); i++) {
      Thread.sleep(100);
    }
    assertThat(holds.getAsBoolean()).isTrue();
  }

  @Test
  void onlyRunsThatCanBeReadAreFollowed() {
    Path page = folder.resolve("none.html");
    String none = folder.resolve("none").toString();
    assertThat(run(List.of("report", "--run", none, "--follow", "--out", page.toString())))
        .isEqualTo(1);
    assertThat(out.toString()).isEmpty();
    assertThat(page).doesNotExist();
  }

  @Test
  void followingNeedsRuns() {
    assertThat(run(List.of("report", "--sweep", "x", "--follow"))).isEqualTo(2);
    assertThat(err.toString()).contains("give --run");
    assertThat(run(List.of("report", "--run", "x", "--every", "0"))).isEqualTo(2);
    assertThat(err.toString()).contains("at least 1 second, not 0");
  }

  private int run(List<String> args) {
    return Main.run(new PrintWriter(out), new PrintWriter(err), args.toArray(String[]::new));
  }
}

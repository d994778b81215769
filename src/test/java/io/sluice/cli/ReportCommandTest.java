package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.features.SyntheticFeatures;
import io.sluice.report.SyntheticReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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

  private int run(List<String> args) {
    return Main.run(new PrintWriter(out), new PrintWriter(err), args.toArray(String[]::new));
  }
}

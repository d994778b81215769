package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.testing.Python;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Python of docs/python.md runs, and Sluice takes what it writes and computes what it does. */
@Tag("python")
@Tag("slow")
class PythonPageTest {
  private static final Path PAGE = Path.of("docs/python.md").toAbsolutePath();
  private static final String HOOK = "model.layers.7.mlp";

  @TempDir private Path folder;
  private String out;

  @Test
  void whatPythonWritesIsTrainedOnAndMeasuredAlike() throws IOException {
    Python.require();
    Python.run("run_page.py", PAGE, "Write a store", folder);
    String store = folder.resolve("acts").toString();
    String run = folder.resolve("run").toString();

    sluice("spectrum", "--store", store, "--hooks", HOOK, "--json");
    JsonNode spectrum = new ObjectMapper().readTree(out).at("/hooks/0");
    assertThat(spectrum.get("hook").asText()).isEqualTo(HOOK);
    assertThat(spectrum.get("layer").asInt()).isEqualTo(7);
    assertThat(spectrum.get("kind").asText()).isEqualTo("model.layers.N.mlp");

    sluice(
        "train",
        "--store",
        store,
        "--hook",
        HOOK,
        "--features",
        "256",
        "--k",
        "8",
        "--steps",
        "80",
        "--batch",
        "256",
        "--from-position",
        "1",
        "--out",
        run);
    sluice(
        "evaluate", "--dictionary", run, "--store", store, "--rows", "all", "--from-position", "1");
    JsonNode evaluation = new ObjectMapper().readTree(Path.of(run, "evaluation.json").toFile());
    double python = fvu();
    assertThat(evaluation.get("fvu").asDouble()).isCloseTo(python, within(1e-5));
    assertThat(python).isBetween(0.05, 0.9);

    sluice("features", "--store", store, "--dictionary", run, "--out", run + "-features");
    assertThat(Path.of(run + "-features", "contexts.arrow")).isNotEmptyFile();

    // With the first tokens, which have another scale, it is another number.
    sluice(
        "evaluate", "--dictionary", run, "--store", store, "--rows", "all", "--from-position", "0");
    evaluation = new ObjectMapper().readTree(Path.of(run, "evaluation.json").toFile());
    assertThat(Math.abs(evaluation.get("fvu").asDouble() - python)).isGreaterThan(0.01);
  }

  private double fvu() throws IOException {
    String printed = Python.run("run_page.py", PAGE, "Compute FVU", folder);
    return new ObjectMapper().readTree(printed).get("fvu").asDouble();
  }

  private void sluice(String... arguments) {
    StringWriter output = new StringWriter();
    StringWriter errors = new StringWriter();
    int status = Main.run(new PrintWriter(output), new PrintWriter(errors), arguments);
    out = output.toString();
    assertThat(status).as(errors.toString()).isZero();
  }
}

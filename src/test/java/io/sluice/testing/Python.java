package io.sluice.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The Python that holds the oracles, named by the environment variable {@code SLUICE_PYTHON}. */
public final class Python {
  private Python() {}

  /** The interpreter; where there is none, the calling test is skipped with the reason. */
  public static Path require() {
    String python = System.getenv("SLUICE_PYTHON");
    assumeTrue(
        python != null && !python.isBlank(),
        "SLUICE_PYTHON names no Python with torch, numpy, pyarrow and safetensors");
    return Path.of(python);
  }

  /** The same with TensorBoard; where it has none, the calling test is skipped. */
  public static Path requireTensorBoard() throws IOException {
    return require(require().toString(), "SLUICE_PYTHON", "tensorboard");
  }

  /** The same with packages that read Arrow files; where one is missing, the test is skipped. */
  public static Path requireTablePackages() throws IOException {
    return require(require().toString(), "SLUICE_PYTHON", "datasets, polars, duckdb, pandas");
  }

  /**
   * Runs a script of {@code src/test/python} and returns what it prints.
   *
   * @throws AssertionError if it fails; the message is its standard error
   */
  public static String run(String script, Object... arguments) throws IOException {
    return run(require(), script, arguments);
  }

  /**
   * The interpreter that has the other libraries of sparse dictionaries, named by the environment
   * variable {@code SLUICE_RIVALS}; where there is none, the calling test is skipped.
   */
  public static Path requireRivals() throws IOException {
    return requireRivals("sae_lens, sparsify, dictionary_learning, llamascopium");
  }

  /** The same with SAEDashboard; where it has none, the calling test is skipped. */
  public static Path requireSaeDashboard() throws IOException {
    return requireRivals("sae_dashboard");
  }

  /** The same with HuggingFace's datasets; where it has none, the calling test is skipped. */
  public static Path requireDatasets() throws IOException {
    return requireRivals("datasets, zstandard");
  }

  private static Path requireRivals(String libraries) throws IOException {
    return require(System.getenv("SLUICE_RIVALS"), "SLUICE_RIVALS", libraries);
  }

  private static Path require(String python, String variable, String libraries) throws IOException {
    String reason = variable + " names no Python with " + libraries;
    assumeTrue(python != null && !python.isBlank(), reason);
    String probe =
        "from importlib.util import find_spec; all(map(find_spec, '%s'.split(', '))) or exit(1)"
            .formatted(libraries);
    try {
      assumeTrue(new ProcessBuilder(python, "-c", probe).start().waitFor() == 0, reason);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
    return Path.of(python);
  }

  /** {@link #run(String, Object...)} with an interpreter. */
  public static String run(Path python, String script, Object... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(python.toString());
    command.add(Path.of("src/test/python", script).toString());
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    Path errors = Files.createTempFile("sluice-python", ".err");
    try {
      Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
      process.getOutputStream().close();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int status = process.waitFor();
      if (status != 0) {
        throw new AssertionError(
            script + " ended with status " + status + ":\n" + Files.readString(errors));
      }
      return output;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(script + " was interrupted", e);
    } finally {
      Files.delete(errors);
    }
  }
}

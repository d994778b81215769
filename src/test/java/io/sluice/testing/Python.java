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

  /**
   * Runs a script of {@code src/test/python} and returns what it prints.
   *
   * @throws AssertionError if it fails; the message is its standard error
   */
  public static String run(String script, Object... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(require().toString());
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

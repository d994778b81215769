package io.sluice.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A finished run of a program.
 *
 * @param status its exit status
 * @param out what it wrote to standard output
 * @param err what it wrote to standard error
 */
public record CommandProcess(int status, String out, String err) {
  private static final Path HOME = Path.of("").toAbsolutePath();

  /**
   * Runs {@code bin/sluice} in {@code folder} on the JDK that runs the tests.
   *
   * @param jvm options for the JVM
   */
  public static CommandProcess run(Path folder, String[] jvm, String... arguments)
      throws IOException, InterruptedException {
    String[] command = new String[arguments.length + 1];
    command[0] = HOME.resolve("bin/sluice").toString();
    System.arraycopy(arguments, 0, command, 1, arguments.length);
    return run(folder, Map.of("SLUICE_JAVA_OPTS", String.join(" ", jvm)), List.of(command));
  }

  /** Runs any program in {@code folder}, with {@code environment} besides this process's. */
  public static CommandProcess run(
      Path folder, Map<String, String> environment, List<String> command)
      throws IOException, InterruptedException {
    ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().putAll(environment);
    Path out = Files.createTempFile("sluice", ".out");
    Path err = Files.createTempFile("sluice", ".err");
    try {
      Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
      if (!process.waitFor(10, TimeUnit.MINUTES)) {
        process.destroyForcibly();
        throw new IOException(command + " still ran after ten minutes");
      }
      return new CommandProcess(process.exitValue(), Files.readString(out), Files.readString(err));
    } finally {
      Files.deleteIfExists(out);
      Files.deleteIfExists(err);
    }
  }
}

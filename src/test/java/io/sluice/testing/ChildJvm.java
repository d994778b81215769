package io.sluice.testing;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A JVM like this one, for what a test must not do to its own process. */
public final class ChildJvm {
  private ChildJvm() {}

  /**
   * Starts the main method of a class, with this JVM's modules, access flags and class path. What
   * it prints on standard error is this process's.
   *
   * @param heap the most heap it takes, as {@code -Xmx} says it
   */
  public static Process start(Class<?> main, String heap, List<String> arguments)
      throws IOException {
    return start(main, heap, List.of(), arguments);
  }

  /** The same with further options of the JVM. */
  public static Process start(
      Class<?> main, String heap, List<String> options, List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argument.startsWith("--"))
        .forEach(command::add);
    command.add("-Xmx" + heap);
    command.addAll(options);
    command.add("-cp");
    command.add(
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    command.add(main.getName());
    command.addAll(arguments);
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }
}

package io.sluice.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.nio.charset.StandardCharsets;

/**
 * Whether people are watching. The launcher knows ({@code test -t}) and says so by system
 * properties; without the launcher the answer is no.
 */
final class Terminal {
  private Terminal() {}

  /** Whether standard output is a terminal that shows colours. */
  static boolean onOutput() {
    return Boolean.getBoolean("sluice.terminal.out") && System.getenv("NO_COLOR") == null;
  }

  /** Whether standard error, where progress goes, is a terminal. */
  static boolean onError() {
    return Boolean.getBoolean("sluice.terminal.err");
  }

  /**
   * Takes the descriptor that the launcher names as standard error. The launcher reads the JVM's
   * own standard error to drop one line of it, and what passes through there may come late.
   */
  static void useTrueStandardError() {
    Integer number = Integer.getInteger("sluice.stderr");
    if (number == null) {
      return;
    }
    try {
      Constructor<FileDescriptor> open = FileDescriptor.class.getDeclaredConstructor(int.class);
      open.setAccessible(true);
      FileOutputStream stream = new FileOutputStream(open.newInstance(number));
      System.setErr(new PrintStream(stream, true, StandardCharsets.UTF_8));
    } catch (ReflectiveOperationException | RuntimeException e) {
      // Started without the launcher's flags: the JVM's standard error serves as well.
      System.err.flush();
    }
  }

  /** Columns of the terminal, 80 where that is unknown. */
  static int columns() {
    return Math.max(40, Integer.getInteger("sluice.terminal.columns", 80));
  }
}

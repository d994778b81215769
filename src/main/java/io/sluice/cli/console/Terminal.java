package io.sluice.cli.console;

/**
 * Whether people are watching, and what they see. The launcher knows ({@code test -t}) and says so
 * by system properties; without the launcher the answer is no.
 */
public final class Terminal {
  private Terminal() {}

  /** Whether standard output is a terminal. */
  public static boolean outputIsTerminal() {
    return Boolean.getBoolean("sluice.terminal.out");
  }

  /** Whether standard output is a terminal that shows colours. */
  public static boolean showsColours() {
    return outputIsTerminal() && System.getenv("NO_COLOR") == null;
  }

  /** Whether standard output is a pipe, whose reader may leave. */
  static boolean outputIsPipe() {
    return Boolean.getBoolean("sluice.pipe.out");
  }

  /** Whether standard error, where progress goes, is a terminal. */
  static boolean onError() {
    return Boolean.getBoolean("sluice.terminal.err");
  }

  /** Columns of the terminal, 80 where that is unknown. */
  static int columns() {
    return Math.max(40, Integer.getInteger("sluice.terminal.columns", 80));
  }
}

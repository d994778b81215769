package io.sluice.cli;

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

  /** Columns of the terminal, 80 where that is unknown. */
  static int columns() {
    return Math.max(40, Integer.getInteger("sluice.terminal.columns", 80));
  }
}

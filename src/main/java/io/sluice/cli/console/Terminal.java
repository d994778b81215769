package io.sluice.cli.console;

/**
 * Whether people are watching, and what they see. The launcher knows ({@code test -t}) and says so
 * by system properties; without the launcher the answer is no.
 */
public final class Terminal {
  private static final int USUAL = 80;
  private static final int NARROWEST = 40;

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
    int columns = Integer.getInteger("sluice.terminal.columns", 0);
    return columns > 0 ? Math.max(NARROWEST, columns) : USUAL;
  }

  /**
   * Columns of a page of text on standard output: those of the terminal; elsewhere what {@code
   * COLUMNS} says, or 80.
   */
  public static int pageColumns() {
    return outputIsTerminal() ? columns() : pageColumns(System.getenv("COLUMNS"));
  }

  /** Columns of a page that no terminal shows, where the environment says {@code columns}. */
  public static int pageColumns(String columns) {
    return columns != null && columns.matches("[1-9]\\d{0,4}")
        ? Math.max(NARROWEST, Integer.parseInt(columns))
        : USUAL;
  }
}

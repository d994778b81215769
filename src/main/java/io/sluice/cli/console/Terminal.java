package io.sluice.cli.console;

/**
 * Whether standard output and standard error are terminals, and how wide they are. The launcher
 * finds out ({@code test -t}) and passes system properties; without these, no terminal is assumed.
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

  /** Whether standard output is a pipe, whose reader may close it early. */
  static boolean outputIsPipe() {
    return Boolean.getBoolean("sluice.pipe.out");
  }

  /** Whether standard error, where progress goes, is a terminal. */
  public static boolean onError() {
    return Boolean.getBoolean("sluice.terminal.err");
  }

  /** Width of the terminal in columns; 80 if it is unknown. */
  static int columns() {
    int columns = Integer.getInteger("sluice.terminal.columns", 0);
    return columns > 0 ? Math.max(NARROWEST, columns) : USUAL;
  }

  /**
   * Width in columns of a page on standard output: that of the terminal; if there is none, the
   * value of {@code COLUMNS}, or 80.
   */
  public static int pageColumns() {
    return outputIsTerminal() ? columns() : pageColumns(System.getenv("COLUMNS"));
  }

  /**
   * Width in columns of a page that is not shown on a terminal, if {@code COLUMNS} is {@code
   * columns}.
   */
  public static int pageColumns(String columns) {
    return columns != null && columns.matches("[1-9]\\d{0,4}")
        ? Math.max(NARROWEST, Integer.parseInt(columns))
        : USUAL;
  }
}

package io.sluice.cli.console;

import io.sluice.files.Quoted;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The writer that commands print with. Arguments of a format are data: a line break in a model's
 * name is escaped. Numbers do not depend on the locale.
 */
public final class ConsolePrinter extends PrintWriter {
  private final ConsoleWriter console;

  /**
   * Prints to {@code console}.
   *
   * @param autoFlush whether each line is shown at once
   */
  ConsolePrinter(ConsoleWriter console, boolean autoFlush) {
    super(console, autoFlush);
    this.console = console;
  }

  /** Returns to the start of the line, so that what follows overwrites it. */
  static void rewind(PrintWriter out) {
    printOwn(out, "\r");
  }

  /** Prints {@code text}, which is the program's own and may have colours. */
  public static void printOwn(PrintWriter out, String text) {
    if (out instanceof ConsolePrinter printer) {
      printer.own(() -> out.print(text));
    } else {
      out.print(text);
    }
  }

  /** Runs {@code print}, which prints the program's own text, colours and all. */
  public void own(Runnable print) {
    console.trust(true);
    try {
      print.run();
    } finally {
      console.trust(false);
    }
  }

  @Override
  public PrintWriter format(String format, Object... values) {
    return super.format(Locale.ROOT, format, oneLine(values));
  }

  @Override
  public PrintWriter format(Locale locale, String format, Object... values) {
    return super.format(locale, format, oneLine(values));
  }

  private static Object[] oneLine(Object[] values) {
    Object[] safe = values.clone();
    for (int i = 0; i < safe.length; i++) {
      if (safe[i] instanceof CharSequence || safe[i] instanceof Path) {
        safe[i] = Quoted.line(safe[i].toString());
      }
    }
    return safe;
  }
}

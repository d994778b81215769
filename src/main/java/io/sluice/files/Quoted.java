package io.sluice.files;

import java.util.Locale;

/**
 * Text from files as it may stand in a message, a table, a log or a Markdown page: one line,
 * printable, and without what a terminal or a page would take for a command.
 */
public final class Quoted {
  private static final int LONGEST = 200;

  /** ASCII characters that Markdown reads as its own, in a text as in a table's cell. */
  private static final String MARKDOWN = "\\`*<>[]|&";

  private Quoted() {}

  /**
   * {@code text} between quotation marks; characters that would break, hide or turn the line are
   * written as Java's escapes, and what comes after 200 characters is left out.
   */
  public static String of(String text) {
    return of(text, LONGEST);
  }

  /** As {@link #of(String)}, without what comes after {@code longest} characters. */
  public static String of(String text, int longest) {
    return "'" + line(text, longest) + "'";
  }

  /** As {@link #line(String)}, without what comes after {@code longest} characters. */
  public static String line(String text, int longest) {
    int end =
        text.codePointCount(0, text.length()) <= longest
            ? text.length()
            : text.offsetByCodePoints(0, longest);
    return line(text.substring(0, end)) + (end == text.length() ? "" : "…");
  }

  /** {@code text} as it stands, with the same characters written as Java's escapes. */
  public static String line(String text) {
    StringBuilder line = new StringBuilder(text.length());
    text.codePoints()
        .forEach(
            c -> {
              if (isPrintable(c)) {
                line.appendCodePoint(c);
              } else {
                appendEscaped(line, c);
              }
            });
    return line.toString();
  }

  /** {@link #line} for a Markdown page: no character of it is markup, a tag or a link. */
  public static String markdown(String text) {
    StringBuilder page = new StringBuilder(text.length());
    line(text)
        .chars()
        .forEach(
            c -> {
              if (MARKDOWN.indexOf(c) >= 0) {
                page.append('\\');
              }
              page.append((char) c);
            });
    return page.toString().replace("://", "\\://");
  }

  /**
   * {@link #line} for a code span of a Markdown page, without the span's own marks. Nothing is
   * escaped in a span, so a mark that would end it becomes an apostrophe.
   */
  public static String markdownCode(String text) {
    return line(text).replace('`', '\'');
  }

  /**
   * Whether a console may show {@code c} within a longer text. Line breaks and tabs may pass, and
   * so may the two joiners, without which scripts and emoji fall apart, and what no standard gives
   * a meaning; not what moves a cursor, sets a colour or a title, hides text or turns it round.
   */
  public static boolean isHarmless(int c) {
    return switch (Character.getType(c)) {
      case Character.PRIVATE_USE, Character.UNASSIGNED -> true;
      default -> c == '\n' || c == '\t' || c == 0x200c || c == 0x200d || isPrintable(c);
    };
  }

  /** Appends {@code c} as Java and JSON escape it: two escapes where it takes two characters. */
  public static void appendEscaped(StringBuilder to, int c) {
    for (char half : Character.toChars(c)) {
      to.append(String.format(Locale.ROOT, "\\u%04x", (int) half));
    }
  }

  private static boolean isPrintable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}

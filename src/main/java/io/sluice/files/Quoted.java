package io.sluice.files;

import java.util.Locale;

/**
 * Quotes text from files for a message, a table, a log or a Markdown page: one line, printable, and
 * without control sequences or markup.
 */
public final class Quoted {
  private static final int LONGEST = 200;

  /** ASCII characters with a meaning in Markdown text or table cells. */
  private static final String MARKDOWN = "\\`*<>[]|&";

  private Quoted() {}

  /**
   * {@code text} between quotation marks. Characters that would break, hide or reverse the line
   * become Java escapes, and only the first 200 characters are kept.
   */
  public static String of(String text) {
    return of(text, LONGEST);
  }

  /** Like {@link #of(String)}, limited to {@code longest} characters. */
  public static String of(String text, int longest) {
    return "'" + line(text, longest) + "'";
  }

  /** Like {@link #line(String)}, limited to {@code longest} characters. */
  public static String line(String text, int longest) {
    int end =
        text.codePointCount(0, text.length()) <= longest
            ? text.length()
            : text.offsetByCodePoints(0, longest);
    return line(text.substring(0, end)) + (end == text.length() ? "" : "…");
  }

  /** {@code text} without quotation marks, with the same characters as Java escapes. */
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
   * {@link #line} for a code span of a Markdown page, without the backticks. Nothing can be escaped
   * in a span, so a backtick becomes an apostrophe.
   */
  public static String markdownCode(String text) {
    return line(text).replace('`', '\'');
  }

  /**
   * Whether a console may show {@code c} within a longer text. Line breaks, tabs, the two joiners
   * that scripts and emoji need, and unassigned characters pass; characters that move a cursor, set
   * a colour or a title, hide text or reverse it do not.
   */
  public static boolean isHarmless(int c) {
    return switch (Character.getType(c)) {
      case Character.PRIVATE_USE, Character.UNASSIGNED -> true;
      default -> c == '\n' || c == '\t' || c == 0x200c || c == 0x200d || isPrintable(c);
    };
  }

  /** Appends {@code c} as Java and JSON escape it, as two escapes for a surrogate pair. */
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

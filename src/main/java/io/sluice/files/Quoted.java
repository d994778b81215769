package io.sluice.files;

import java.util.Locale;

/** Text from files as it may stand in a message: one line, printable, not endless. */
public final class Quoted {
  private static final int LONGEST = 200;

  private Quoted() {}

  /**
   * {@code text} between quotation marks; characters that would break, hide or turn the line are
   * written as Java's escapes, and what comes after 200 characters is left out.
   */
  public static String of(String text) {
    StringBuilder quoted = new StringBuilder("'");
    text.codePoints()
        .limit(LONGEST)
        .forEach(
            c -> {
              if (isPrintable(c)) {
                quoted.appendCodePoint(c);
              } else {
                quoted.append(String.format(Locale.ROOT, "\\u%04x", c));
              }
            });
    boolean whole = text.codePointCount(0, text.length()) <= LONGEST;
    return quoted.append(whole ? "'" : "…'").toString();
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

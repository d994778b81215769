package io.sluice.cli.results;

import io.sluice.files.Quoted;

/**
 * Shows a token with the activation of a feature: as a background colour, the deeper the larger, or
 * in brackets where there are no colours. Characters that control a terminal, hide text or change
 * its direction are escaped, and so are line breaks and tabs.
 *
 * @param colours whether there are colours
 * @param max the activation that has the deepest colour
 */
record TokenShading(boolean colours, float max) {
  /** Backgrounds of the 256-colour palette, from pale to deep orange. */
  private static final int[] SHADES = {230, 223, 216, 209, 202};

  private static final String RESET = "\u001b[0m";

  /** The token with its activation, for a writer that shows escape sequences. */
  String of(String text, float activation) {
    String shown = printable(text);
    float share = max > 0 ? Math.abs(activation) / max : 0;
    if (share == 0) {
      return shown;
    }
    if (colours) {
      int shade = SHADES[Math.min(SHADES.length - 1, (int) (share * SHADES.length))];
      return "\u001b[48;5;" + shade + ";38;5;16m" + shown + RESET;
    }
    // The space before a word stays outside, so that words remain words.
    int start = 0;
    while (start < shown.length() - 1 && shown.charAt(start) == ' ') {
      start++;
    }
    String mark = share >= 0.5f ? "[[" : "[";
    return shown.substring(0, start) + mark + shown.substring(start) + mark.replace('[', ']');
  }

  /** How many columns {@link #of} takes. */
  int columns(String text, float activation) {
    String shown = printable(text);
    int marks =
        colours || max <= 0 || activation == 0 ? 0 : Math.abs(activation) / max >= 0.5f ? 4 : 2;
    return shown.codePointCount(0, shown.length()) + marks;
  }

  /** A text without characters that a terminal acts on. */
  static String printable(String text) {
    StringBuilder shown = new StringBuilder(text.length());
    text.codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '\n' -> shown.append("\\n");
                case '\r' -> shown.append("\\r");
                case '\t' -> shown.append("\\t");
                default -> {
                  if (Quoted.isHarmless(c)) {
                    shown.appendCodePoint(c);
                  } else {
                    Quoted.appendEscaped(shown, c);
                  }
                }
              }
            });
    return shown.toString();
  }
}

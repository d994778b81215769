package io.sluice.weights;

import java.io.IOException;
import java.nio.file.Path;

/** One-line messages about files that cannot be used: which, what is wrong, what to do. */
final class BadFile {
  private static final int LONGEST_QUOTE = 80;

  private BadFile() {}

  static IOException because(Path file, String wrong, String remedy) {
    return new IOException(file + ": " + wrong + "; " + remedy);
  }

  static IOException damaged(Path file, String wrong) {
    return because(file, wrong, "the file is damaged or incomplete, fetch it again");
  }

  /** Text from a file, made fit for a one-line message: no control characters, not too long. */
  static String quote(String text) {
    StringBuilder quoted = new StringBuilder("'");
    int shown = Math.min(text.length(), LONGEST_QUOTE);
    for (int i = 0; i < shown; i++) {
      char c = text.charAt(i);
      if (Character.isISOControl(c) || Character.isSurrogate(c) || c == '\u2028' || c == '\u2029') {
        quoted.append(String.format("\\u%04x", (int) c));
      } else {
        quoted.append(c);
      }
    }
    return quoted.append(shown < text.length() ? "…'" : "'").toString();
  }
}

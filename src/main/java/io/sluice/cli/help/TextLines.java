package io.sluice.cli.help;

import java.util.ArrayList;
import java.util.List;

/** Breaks texts into lines of a given width. Words are never broken. */
final class TextLines {
  private static final String INDENT = "    ";
  private static final String CONTINUES = " \\";

  private TextLines() {}

  /**
   * Breaks {@code text} between words.
   *
   * @param width the most columns of a line, unless a single word is longer
   */
  static List<String> wrap(String text, int width) {
    return fill(List.of(text.strip().split("\\s+")), width);
  }

  /**
   * Breaks a command line before options, as a shell continues it: all lines but the last end in a
   * backslash, and all but the first are indented.
   */
  static List<String> command(String line, int width) {
    return indented(fill(parts(line), width - INDENT.length() - CONTINUES.length()), CONTINUES);
  }

  /** Breaks the outline of a command line before options; all lines but the first are indented. */
  static List<String> synopsis(String line, int width) {
    return indented(fill(parts(line), width - INDENT.length()), "");
  }

  private static List<String> indented(List<String> lines, String end) {
    List<String> shown = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      boolean last = i == lines.size() - 1;
      shown.add((i == 0 ? "" : INDENT) + lines.get(i) + (last ? "" : end));
    }
    return shown;
  }

  /** The options of a command line with their values, and the words before them. */
  private static List<String> parts(String line) {
    List<String> parts = new ArrayList<>();
    for (String word : line.strip().split(" +")) {
      boolean begins = parts.isEmpty() || word.startsWith("--") || word.startsWith("[");
      parts.add(begins ? word : parts.removeLast() + " " + word);
    }
    return parts;
  }

  private static List<String> fill(List<String> words, int width) {
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : words) {
      if (!line.isEmpty() && line.length() + 1 + word.length() > width) {
        lines.add(line.toString());
        line.setLength(0);
      }
      line.append(line.isEmpty() ? "" : " ").append(word);
    }
    lines.add(line.toString());
    return lines;
  }
}

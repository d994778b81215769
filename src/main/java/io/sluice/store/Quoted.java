package io.sluice.store;

/** Text from files as it may stand in a message: one line, printable, not endless. */
final class Quoted {
  private static final int MAX_CHARS = 200;

  private Quoted() {}

  static String of(String text) {
    String printable = text.replaceAll("\\p{C}|\\R", "?");
    return "'"
        + (printable.length() <= MAX_CHARS ? printable : printable.substring(0, MAX_CHARS) + "…")
        + "'";
  }
}

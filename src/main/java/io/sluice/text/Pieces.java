package io.sluice.text;

/**
 * Cuts a long text into pieces of about {@value #LENGTH} characters, so that it can be read in
 * little memory: before a single space between two words if possible, otherwise between any two
 * characters. The tokens of a text are not always those of its pieces; the tokenizer joins pieces
 * first.
 */
final class Pieces {
  static final int LENGTH = 1 << 16;

  private final String text;
  private int at;

  /** The pieces of a text that is in memory. */
  Pieces(String text) {
    this.text = text;
  }

  /** The next one, or null at the end. */
  String next() {
    if (at == text.length()) {
      return null;
    }
    int end = Math.min(text.length(), at + LENGTH);
    String piece = text.substring(at, end);
    if (end < text.length()) {
      piece = piece.substring(0, cut(piece));
    }
    at += piece.length();
    return piece;
  }

  /** The length of the next piece of a text that continues. */
  static int cut(CharSequence chars) {
    for (int i = chars.length() - 2; i > chars.length() / 2; i--) {
      if (chars.charAt(i) == ' '
          && Character.isLetterOrDigit(chars.charAt(i - 1))
          && Character.isLetter(chars.charAt(i + 1))) {
        return i;
      }
    }
    int end = chars.length();
    return end > 1 && Character.isHighSurrogate(chars.charAt(end - 1)) ? end - 1 : end;
  }
}

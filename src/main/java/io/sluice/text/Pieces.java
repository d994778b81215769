package io.sluice.text;

/**
 * Where a long text may be cut into pieces of about {@value #LENGTH} characters, so that it can be
 * tokenised in little memory. A piece ends before a single space between two words, where
 * tokenizers split in any case, so that the tokens are those of the whole text; a text without such
 * places is cut anywhere between two characters.
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

  /** How many of the characters of a text that goes on make the next piece. */
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

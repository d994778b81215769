package io.sluice.tokenizer.characters;

/** Questions about characters, and texts character by character. */
public final class Characters {
  private Characters() {}

  /** Unicode's {@code White_Space}. */
  public static boolean isWhiteSpace(int c) {
    if (c < 0x80) {
      return c == ' ' || c >= 9 && c <= 13;
    }
    return c == 0x85
        || c == 0xa0
        || c == 0x1680
        || c >= 0x2000 && c <= 0x200a
        || c == 0x2028
        || c == 0x2029
        || c == 0x202f
        || c == 0x205f
        || c == 0x3000;
  }

  public static boolean isNumeric(int c) {
    return CharacterKind.NUMERIC.has(c);
  }

  public static boolean isPunctuation(int c) {
    return CharacterKind.PUNCTUATION.has(c);
  }

  /** Whether {@code \w} matches a character: letters, marks, digits, connectors and joiners. */
  public static boolean isWord(int c) {
    return CharacterKind.WORD.has(c);
  }

  /** Converts each character to lower case, without regard to its context. */
  public static String lowercase(String text) {
    int at = 0;
    while (at < text.length() && isLower(text.charAt(at))) {
      at++;
    }
    if (at == text.length()) {
      return text;
    }
    StringBuilder out = new StringBuilder(text.length() + 8).append(text, 0, at);
    while (at < text.length()) {
      int c = text.codePointAt(at);
      at += Character.charCount(c);
      if (c == 0x130) {
        out.append("i\u0307");
      } else {
        out.appendCodePoint(Character.toLowerCase(c));
      }
    }
    return out.toString();
  }

  private static boolean isLower(char c) {
    return c < 0x80
        ? c < 'A' || c > 'Z'
        : !Character.isSurrogate(c) && c != 0x130 && Character.toLowerCase(c) == c;
  }

  /** The text with U+FFFD for each half of a surrogate pair. */
  public static String withoutHalves(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        return replaceHalves(new StringBuilder(text));
      }
    }
    return text;
  }

  private static String replaceHalves(StringBuilder text) {
    for (int i = 0; i < text.length(); i++) {
      int c = text.codePointAt(i);
      if (c > 0xffff) {
        i++;
      } else if (Character.isSurrogate((char) c)) {
        text.setCharAt(i, '\uFFFD');
      }
    }
    return text.toString();
  }
}

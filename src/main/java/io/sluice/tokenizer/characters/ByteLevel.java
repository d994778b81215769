package io.sluice.tokenizer.characters;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The 256 bytes as printable characters, as GPT-2 has them: bytes that are printable in Latin-1
 * stand for themselves, the others follow from U+0100 on.
 */
public final class ByteLevel {
  private static final char[] CHARS = new char[256];
  private static final int[] BYTES = new int[512];

  static {
    Arrays.fill(BYTES, -1);
    int more = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae;
      CHARS[b] = (char) (printable ? b : more++);
      BYTES[CHARS[b]] = b;
    }
  }

  private ByteLevel() {}

  /** The text's UTF-8 bytes as characters. */
  public static String encode(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    char[] chars = new char[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      chars[i] = CHARS[bytes[i] & 0xff];
    }
    return new String(chars);
  }

  /** The byte that a character stands for, or -1. */
  public static int decode(char c) {
    return c < BYTES.length ? BYTES[c] : -1;
  }
}

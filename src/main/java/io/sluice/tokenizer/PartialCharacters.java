package io.sluice.tokenizer;

import io.sluice.tokenizer.characters.ByteLevel;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** Texts of tokens that begin or end inside a character: bytes that are no text are written out. */
final class PartialCharacters {
  private PartialCharacters() {}

  /**
   * The text of a token.
   *
   * @param token how the vocabulary writes it
   * @param decoded what its decoder makes of it
   */
  static String of(String token, String decoded) {
    if (token.matches("<0x[0-9A-Fa-f]{2}>")) {
      return token;
    }
    if (token.chars().anyMatch(c -> ByteLevel.decode((char) c) < 0)) {
      return decoded; // It holds U+FFFD itself.
    }
    byte[] bytes = new byte[token.length()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) ByteLevel.decode(token.charAt(i));
    }
    return of(bytes);
  }

  private static String of(byte[] bytes) {
    CharsetDecoder utf8 = StandardCharsets.UTF_8.newDecoder();
    ByteBuffer in = ByteBuffer.wrap(bytes);
    CharBuffer out = CharBuffer.allocate(bytes.length);
    StringBuilder text = new StringBuilder();
    while (in.hasRemaining()) {
      CoderResult result = utf8.reset().decode(in, out, true);
      text.append(out.flip());
      out.clear();
      for (int i = 0; result.isError() && i < result.length(); i++) {
        text.append(String.format(Locale.ROOT, "<0x%02X>", in.get()));
      }
    }
    return text.toString();
  }
}

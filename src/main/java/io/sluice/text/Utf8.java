package io.sluice.text;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;

/** Decodes bytes; bytes that are not UTF-8 become U+FFFD and are recorded. */
final class Utf8 {
  private Utf8() {}

  static String decode(byte[] bytes, int from, int to, String where, TextProblems problems)
      throws IOException {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    ByteBuffer in = ByteBuffer.wrap(bytes, from, to - from);
    CharBuffer out = CharBuffer.allocate(to - from); // UTF-8 has never more chars than bytes.
    for (CoderResult result = decoder.decode(in, out, true);
        result.isError();
        result = decoder.decode(in, out, true)) {
      problems.notUtf8(where, "is not UTF-8 at its byte " + (in.position() - from));
      in.position(in.position() + result.length());
      out.put('\uFFFD');
    }
    return out.flip().toString();
  }

  /** The text with U+FFFD for each half of a surrogate pair, which JSON can escape alone. */
  static String withoutHalves(String text, String where, TextProblems problems) throws IOException {
    StringBuilder changed = null;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        problems.notUtf8(where, "holds half of a surrogate pair");
        changed = changed == null ? new StringBuilder(text) : changed;
        changed.setCharAt(i, '\uFFFD');
      }
    }
    return changed == null ? text : changed.toString();
  }
}

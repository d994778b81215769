package io.sluice.text;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.Charset;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;

/** Converts a text in another encoding to UTF-8. Malformed bytes become U+FFFD and are counted. */
final class Transcoded extends InputStream {
  private final String where;
  private final InputStream in;
  private final CharsetDecoder decoder;
  private final TextProblems problems;
  private final ByteBuffer bytes = ByteBuffer.allocate(1 << 15).limit(0);
  private final CharBuffer chars = CharBuffer.allocate(1 << 15);
  private ByteBuffer encoded = ByteBuffer.allocate(0);
  private long decoded;
  private boolean ended;

  Transcoded(String where, InputStream in, Charset charset, TextProblems problems) {
    this.where = where;
    this.in = in;
    this.decoder = charset.newDecoder();
    this.problems = problems;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] to, int from, int length) throws IOException {
    while (!encoded.hasRemaining()) {
      if (ended) {
        return -1;
      }
      fill();
    }
    int count = Math.min(length, encoded.remaining());
    encoded.get(to, from, count);
    return count;
  }

  private void fill() throws IOException {
    bytes.compact();
    int read = in.read(bytes.array(), bytes.position(), bytes.remaining());
    bytes.position(bytes.position() + Math.max(0, read)).flip();
    chars.clear();
    CoderResult result = decode(read < 0);
    while (result.isError()) {
      problems.notUtf8(where, "is not " + decoder.charset().name() + " at byte " + decoded);
      bytes.position(bytes.position() + result.length());
      decoded += result.length();
      chars.put('\uFFFD'); // There is room: a character takes two bytes at least.
      result = decode(read < 0);
    }
    ended = read < 0;
    // Decoders give surrogates in pairs only, so pieces can be encoded separately.
    encoded = StandardCharsets.UTF_8.encode(chars.flip());
  }

  private CoderResult decode(boolean last) {
    int before = bytes.position();
    CoderResult result = decoder.decode(bytes, chars, last);
    decoded += bytes.position() - before;
    return result;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}

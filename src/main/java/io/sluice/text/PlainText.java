package io.sluice.text;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A UTF-8 text that is one document. A byte-order mark at the start is left out. */
final class PlainText implements Documents {
  private final Path file;
  private final InputStream in;
  private final TextProblems problems;
  private final CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
  private final ByteBuffer bytes = ByteBuffer.allocate(1 << 16).limit(0);
  private final CharBuffer chars = CharBuffer.allocate(Pieces.LENGTH);
  private long decoded;
  private boolean begun;
  private boolean ended;

  PlainText(Path file, InputStream in, TextProblems problems) {
    this.file = file;
    this.in = in;
    this.problems = problems;
  }

  @Override
  public boolean next() {
    boolean isNew = !begun;
    begun = true;
    return isNew;
  }

  @Override
  public String where() {
    return file.toString();
  }

  @Override
  public String piece() throws IOException {
    boolean atStart = decoded == 0;
    fill();
    chars.flip();
    if (atStart && chars.hasRemaining() && chars.get(chars.position()) == '\uFEFF') {
      chars.get();
    }
    if (!chars.hasRemaining()) {
      chars.compact();
      return null;
    }
    int end = ended ? chars.remaining() : Pieces.cut(chars);
    String piece = chars.subSequence(0, end).toString();
    chars.position(chars.position() + end);
    chars.compact();
    return piece;
  }

  private void fill() throws IOException {
    while (!ended && chars.hasRemaining()) {
      bytes.compact();
      int read = in.read(bytes.array(), bytes.position(), bytes.remaining());
      boolean last = read < 0;
      bytes.position(bytes.position() + Math.max(0, read)).flip();
      CoderResult result = decode(last);
      while (result.isError() && chars.hasRemaining()) {
        problems.notUtf8(file.toString(), "is not UTF-8 at byte " + decoded);
        bytes.position(bytes.position() + result.length());
        decoded += result.length();
        chars.put('\uFFFD');
        result = decode(last);
      }
      // A character that takes two chars may not fit into the last free one.
      if (result.isOverflow() || result.isError()) {
        return;
      }
      ended = last;
    }
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

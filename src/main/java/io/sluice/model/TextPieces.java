package io.sluice.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A UTF-8 file in pieces of about {@value #PIECE} characters, so that a text of any length can be
 * tokenised in little memory. A piece ends before a single space between two words, where
 * tokenizers split in any case, so that the tokens are those of the whole text; a text without such
 * places is cut anywhere between two characters. A byte-order mark at the start is left out.
 */
final class TextPieces implements AutoCloseable {
  static final int PIECE = 1 << 16;

  private final Path file;
  private final FileChannel channel;
  private final CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
  private final ByteBuffer bytes = ByteBuffer.allocate(1 << 16).limit(0);
  private final CharBuffer chars = CharBuffer.allocate(PIECE);
  private long decoded;
  private boolean ended;

  /**
   * Opens a file.
   *
   * @throws IOException if it is missing or a folder
   */
  TextPieces(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new IOException(file + ": is a folder; give text files");
    }
    this.file = file;
    try {
      this.channel = FileChannel.open(file, StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      throw new IOException(file + ": no such file; check the path of the text", e);
    }
  }

  /**
   * The next piece, or null at the end.
   *
   * @throws IOException if reading fails, or the text is not UTF-8; the message says at which byte
   */
  String next() throws IOException {
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
    int end = ended ? chars.remaining() : cut(chars);
    String piece = chars.subSequence(0, end).toString();
    chars.position(chars.position() + end);
    chars.compact();
    return piece;
  }

  private void fill() throws IOException {
    while (!ended && chars.hasRemaining()) {
      bytes.compact();
      boolean last = channel.read(bytes) < 0;
      bytes.flip();
      int before = bytes.position();
      CoderResult result = decoder.decode(bytes, chars, last);
      decoded += bytes.position() - before;
      if (result.isError()) {
        throw new IOException(
            file + ": is not UTF-8 at byte " + decoded + "; convert the text to UTF-8");
      }
      // A character that takes two chars may not fit into the last free one.
      if (result.isOverflow()) {
        return;
      }
      ended = last;
    }
  }

  /** How many of the buffered characters make the next piece. */
  private static int cut(CharBuffer chars) {
    for (int i = chars.remaining() - 2; i > chars.remaining() / 2; i--) {
      if (chars.charAt(i) == ' '
          && Character.isLetterOrDigit(chars.charAt(i - 1))
          && Character.isLetter(chars.charAt(i + 1))) {
        return i;
      }
    }
    int end = chars.remaining();
    return end > 1 && Character.isHighSurrogate(chars.charAt(end - 1)) ? end - 1 : end;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}

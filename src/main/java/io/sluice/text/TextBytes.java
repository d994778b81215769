package io.sluice.text;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/** The bytes of a text file, unpacked and converted to UTF-8. */
final class TextBytes {
  private TextBytes() {}

  /** The first bytes of a stream, without consuming them. */
  static byte[] head(BufferedInputStream in) throws IOException {
    in.mark(Content.HEAD);
    byte[] head = in.readNBytes(Content.HEAD);
    in.reset();
    return head;
  }

  /** A stream of a file that {@link #head} can read. */
  static BufferedInputStream of(FileChannel channel) {
    return new BufferedInputStream(Channels.newInputStream(channel), Content.HEAD);
  }

  /**
   * The text in a file.
   *
   * @param content the type of the file
   * @param in the file
   * @throws IOException if the content is not text, in one line that names the file
   */
  static InputStream open(
      Path file, Content content, BufferedInputStream in, long fileBytes, TextProblems problems)
      throws IOException {
    InputStream text = in;
    Content inner = content;
    if (content.charset() == null) {
      BufferedInputStream unpacked =
          new BufferedInputStream(Unpacked.of(file, content, in, fileBytes), Content.HEAD);
      String where = file + " (unpacked with " + content.label() + ")";
      inner = Content.of(where, head(unpacked));
      if (inner.charset() == null) {
        throw new IOException(
            where + ": contains " + inner.label() + " data; unpack it and give its content");
      }
      text = unpacked;
    }
    return inner == Content.UTF_8
        ? text
        : new Transcoded(file.toString(), text, inner.charset(), problems);
  }
}

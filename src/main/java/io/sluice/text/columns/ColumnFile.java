package io.sluice.text.columns;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/** Bytes of a file with columns, and what is said of one that cannot be read. */
public final class ColumnFile {
  private ColumnFile() {}

  /**
   * Fills a buffer from a position of the file on.
   *
   * @throws IOException if the file ends before; the message does not name it
   */
  public static void read(FileChannel channel, long position, ByteBuffer to) throws IOException {
    while (to.hasRemaining()) {
      if (channel.read(to, position + to.position()) < 0) {
        throw new IOException("it ends early");
      }
    }
  }

  /**
   * One line that names the file and what to do.
   *
   * @param kind what it should be, with its article
   * @param e what is wrong, without the file's name: {@link Unusable}, or damage
   */
  public static IOException fault(Path file, String kind, IOException e) {
    return e instanceof Unusable unusable
        ? new IOException(file + ": " + e.getMessage() + "; " + unusable.remedy(), e)
        : new IOException(
            file
                + ": is not "
                + kind
                + " that can be read ("
                + e.getMessage()
                + "); it is damaged or incomplete, fetch it again",
            e);
  }
}

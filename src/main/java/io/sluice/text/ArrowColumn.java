package io.sluice.text;

import io.sluice.text.arrow.ArrowReader;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * A column of an Arrow stream or file; each row is a document. Rows without a value are left out
 * and counted.
 */
final class ArrowColumn implements Documents {
  private final Path file;
  private final FileChannel channel;
  private final TextProblems problems;
  private final ArrowReader rows;
  private long row = -1;
  private Pieces document;

  ArrowColumn(Path file, FileChannel channel, String name, TextProblems problems)
      throws IOException {
    this.file = file;
    this.channel = channel;
    this.problems = problems;
    this.rows = ArrowReader.open(file, channel, name);
  }

  @Override
  public boolean next() throws IOException {
    while (rows.next()) {
      row++;
      if (rows.isMissing()) {
        problems.unreadable(where(), "has no value", "give every row a text");
      } else if (rows.isTooLong()) {
        problems.unreadable(where(), "has a text that is too long", "give it as several");
      } else {
        byte[] bytes = rows.bytes();
        document = new Pieces(Utf8.decode(bytes, 0, bytes.length, where(), problems));
        return true;
      }
    }
    return false;
  }

  @Override
  public String where() {
    return file + " row " + row;
  }

  @Override
  public String piece() {
    return document.next();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}

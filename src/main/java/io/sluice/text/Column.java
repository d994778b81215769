package io.sluice.text;

import io.sluice.text.columns.ColumnRows;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * A column of a file of Parquet or Arrow; each row is a document. Rows without a value are left out
 * and counted.
 */
final class Column implements Documents {
  private final Path file;
  private final FileChannel channel;
  private final TextProblems problems;
  private final ColumnRows rows;
  private long row = -1;
  private Pieces document;

  /**
   * @param channel the file, which is closed with this
   */
  Column(Path file, FileChannel channel, ColumnRows rows, TextProblems problems) {
    this.file = file;
    this.channel = channel;
    this.problems = problems;
    this.rows = rows;
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
        document = new Pieces(Utf8.decode(rows.bytes(), rows.from(), rows.to(), where(), problems));
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

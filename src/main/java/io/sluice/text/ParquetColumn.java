package io.sluice.text;

import io.sluice.text.parquet.ParquetReader;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * A column of a Parquet file; each row is a document. Rows without a value are left out and
 * counted.
 */
final class ParquetColumn implements Documents {
  private final Path file;
  private final FileChannel channel;
  private final TextProblems problems;
  private final ParquetReader rows;
  private long row = -1;
  private Pieces document;

  ParquetColumn(Path file, FileChannel channel, String name, TextProblems problems)
      throws IOException {
    this.file = file;
    this.channel = channel;
    this.problems = problems;
    this.rows = ParquetReader.open(file, channel, name);
  }

  @Override
  public boolean next() throws IOException {
    while (rows.next()) {
      row++;
      if (rows.isMissing()) {
        problems.unreadable(where(), "has no value", "give every row a text");
        continue;
      }
      document = new Pieces(Utf8.decode(rows.bytes(), rows.from(), rows.to(), where(), problems));
      return true;
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

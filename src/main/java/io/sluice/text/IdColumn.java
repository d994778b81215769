package io.sluice.text;

import io.sluice.text.columns.IdRows;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * A column of lists of token ids of a file of Parquet or Arrow; each row is a document. Rows
 * without a whole list are left out and counted.
 */
final class IdColumn implements Documents {
  private final Path file;
  private final FileChannel channel;
  private final TextProblems problems;
  private final IdRows rows;
  private long row = -1;
  private int[] ids;

  /**
   * @param channel the file, which is closed with this
   */
  IdColumn(Path file, FileChannel channel, IdRows rows, TextProblems problems) {
    this.file = file;
    this.channel = channel;
    this.problems = problems;
    this.rows = rows;
  }

  @Override
  public boolean next() throws IOException {
    while (rows.next()) {
      row++;
      if (rows.list().problem() == null) {
        ids = TokenIds.of(rows.list(), where());
        return true;
      }
      problems.unreadable(where(), rows.list().problem(), "give every row a list of token ids");
    }
    return false;
  }

  @Override
  public String where() {
    return file + " row " + row;
  }

  @Override
  public int[] ids() {
    int[] taken = ids;
    ids = null;
    return taken;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}

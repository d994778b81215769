package io.sluice.text.parquet;

import io.sluice.text.columns.ColumnFile;
import io.sluice.text.columns.ColumnRows;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * Reads one column of texts of a Parquet file, row by row, in memory for one page and one
 * dictionary:
 *
 * <pre>{@code
 * ParquetReader rows = ParquetReader.open(file, channel, "text");
 * while (rows.next()) {
 *   if (!rows.isMissing()) { … rows.bytes(), rows.from(), rows.to() … }
 * }
 * }</pre>
 *
 * <p>It reads uncompressed, Snappy, gzip, Zstandard, LZ4 and Brotli pages of both kinds in every
 * encoding that texts have, columns of structures included, but no lists ({@link ParquetIds} reads
 * those of integers). It is not a library, because files are untrusted: every length is checked
 * before memory is allocated or written, nothing recurses, and no other thread reads ahead.
 */
public final class ParquetReader implements ColumnRows {
  /** What the file should be, for messages. */
  static final String KIND = "a Parquet file";

  private final Path file;
  private final Footer footer;
  private final Pages pages;
  private Values value;

  private ParquetReader(Path file, FileChannel channel, Footer footer) throws IOException {
    this.file = file;
    this.footer = footer;
    this.pages = new Pages(channel, footer);
  }

  /**
   * Reads the footer.
   *
   * @param file the file's name for messages
   * @param channel the file, which the caller closes
   * @param column the column's name; of a structure's field {@code structure.field}
   * @throws IOException if it is not a Parquet file, is damaged, or has no such column of texts;
   *     one line that names the file
   */
  public static ParquetReader open(Path file, FileChannel channel, String column)
      throws IOException {
    try {
      return new ParquetReader(file, channel, Footer.read(Pages.footer(channel), column));
    } catch (IOException e) {
      throw ColumnFile.fault(file, KIND, e);
    }
  }

  /** As in {@link ColumnRows}; also refused is a file whose unpacked size is not plausible. */
  @Override
  public boolean next() throws IOException {
    try {
      if (!pages.next()) {
        return false;
      }
      value = pages.definition() == footer.optional() ? pages.text() : null;
      return true;
    } catch (IndexOutOfBoundsException e) {
      throw ColumnFile.fault(file, KIND, new IOException("a page ends before its values do", e));
    } catch (IOException e) {
      throw ColumnFile.fault(file, KIND, e);
    }
  }

  @Override
  public boolean isMissing() {
    return value == null;
  }

  @Override
  public byte[] bytes() {
    return value.bytes;
  }

  @Override
  public int from() {
    return value.from;
  }

  @Override
  public int to() {
    return value.to;
  }
}

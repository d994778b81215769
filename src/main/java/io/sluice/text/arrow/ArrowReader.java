package io.sluice.text.arrow;

import io.sluice.text.columns.ColumnRows;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * Reads one column of texts of an Arrow stream or file, row by row, in memory for one row and some
 * windows of the file, however long its batches are:
 *
 * <pre>{@code
 * ArrowReader rows = ArrowReader.open(file, channel, "text");
 * while (rows.next()) {
 *   if (!rows.isMissing()) { … rows.bytes() … }
 * }
 * }</pre>
 */
public final class ArrowReader extends ArrowRows implements ColumnRows {
  /** The longest text in bytes, far above the documents of large data sets. */
  private static final int LONGEST = 1 << 28;

  private final Window data;
  private long dataAt;
  private boolean isMissing;
  private boolean isTooLong;
  private byte[] bytes;

  private ArrowReader(Path file, FileChannel channel, String column) throws IOException {
    super(file, channel, column, Place::of, "text");
    this.data = new Window(channel);
  }

  /**
   * Reads the schema.
   *
   * @param file the file's name for messages
   * @param channel the file, which the caller closes
   * @param column the column's name; of a structure's field {@code structure.field}
   * @throws IOException if it is damaged, or has no such column of texts; one line that names the
   *     file
   */
  public static ArrowReader open(Path file, FileChannel channel, String column) throws IOException {
    return open(file, () -> new ArrowReader(file, channel, column));
  }

  @Override
  long begin() throws IOException {
    dataAt = batches.position(place.buffer() + 2, 0);
    return batches.length(place.buffer() + 2);
  }

  @Override
  void read(boolean missing, long first, long end) throws IOException {
    isMissing = missing;
    isTooLong = !missing && end - first > LONGEST;
    bytes = isMissing || isTooLong ? null : new byte[(int) (end - first)];
    if (bytes != null) {
      data.read(dataAt + first, bytes);
    }
  }

  @Override
  public boolean isMissing() {
    return isMissing;
  }

  @Override
  public boolean isTooLong() {
    return isTooLong;
  }

  @Override
  public byte[] bytes() {
    return bytes;
  }

  @Override
  public int from() {
    return 0;
  }

  @Override
  public int to() {
    return bytes.length;
  }
}

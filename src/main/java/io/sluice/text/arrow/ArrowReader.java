package io.sluice.text.arrow;

import io.sluice.text.columns.ColumnFile;
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
public final class ArrowReader implements ColumnRows {
  /** What the file should be, for messages. */
  static final String KIND = "an Arrow file";

  /** The longest text in bytes, far above the documents of large data sets. */
  private static final int LONGEST = 1 << 28;

  private final Path file;
  private final Batches batches;
  private final Place place;
  private final Window offsets;
  private final Window data;
  private long[] validities;
  private long offsetsAt;
  private long dataAt;
  private long dataLength;
  private long rows;
  private long row;
  private long from;
  private boolean isMissing;
  private boolean isTooLong;
  private byte[] bytes;

  private ArrowReader(Path file, FileChannel channel, String column) throws IOException {
    this.file = file;
    this.batches = new Batches(channel);
    this.place = Place.of(batches.schema(), column);
    this.offsets = new Window(channel);
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
    try {
      return new ArrowReader(file, channel, column);
    } catch (IOException e) {
      throw ColumnFile.fault(file, KIND, e);
    } catch (RuntimeException e) {
      throw inconsistent(file, e);
    }
  }

  @Override
  public boolean next() throws IOException {
    try {
      while (row == rows) {
        if (!batches.next(place)) {
          return false;
        }
        begin();
      }
      isMissing = false;
      for (long validity : validities) {
        isMissing |= batches.isMissing(validity, row);
      }
      row++;
      long to = offset(row);
      if (to < from || to > dataLength) {
        throw new IOException("a text ends outside of its batch");
      }
      isTooLong = !isMissing && to - from > LONGEST;
      bytes = isMissing || isTooLong ? null : new byte[(int) (to - from)];
      if (bytes != null) {
        data.read(dataAt + from, bytes);
      }
      from = to;
      return true;
    } catch (IOException e) {
      throw ColumnFile.fault(file, KIND, e);
    } catch (RuntimeException e) {
      throw inconsistent(file, e);
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

  private long offset(long index) throws IOException {
    return offsets.number(offsetsAt + index * place.offsetBytes(), place.offsetBytes());
  }

  private void begin() throws IOException {
    rows = batches.rows();
    row = 0;
    validities = place.validities(batches);
    // A column without rows may have no offsets at all.
    long least = rows == 0 ? 0 : Math.multiplyExact(rows + 1, (long) place.offsetBytes());
    offsetsAt = batches.position(place.buffer() + 1, least);
    dataAt = batches.position(place.buffer() + 2, 0);
    dataLength = batches.length(place.buffer() + 2);
    from = rows == 0 ? 0 : offset(0);
    if (from < 0 || from > dataLength) {
      throw new IOException("a text begins outside of its batch");
    }
  }

  static IOException inconsistent(Path file, RuntimeException e) {
    return ColumnFile.fault(file, KIND, new IOException("its descriptions are inconsistent", e));
  }
}

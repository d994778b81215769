package io.sluice.text.arrow;

import io.sluice.text.columns.ColumnFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.apache.arrow.flatbuf.Schema;

/**
 * Goes through the rows of a column whose values lie one behind the other in each batch, from one
 * offset to the next: bytes of texts or items of lists.
 */
abstract class ArrowRows {
  /** What the file should be, for messages. */
  private static final String KIND = "an Arrow file";

  /** The batches of the file. */
  final Batches batches;

  /** The place of the column in each batch. */
  final Place place;

  private final Path file;
  private final String value;
  private final Window offsets;
  private long[] validities;
  private long offsetsAt;
  private long length;
  private long rows;
  private long row;
  private long from;

  /** Finds the column in a schema. */
  @FunctionalInterface
  interface Finder {
    Place find(Schema schema, String column) throws IOException;
  }

  /** Opens a file; the message of an error does not name it. */
  @FunctionalInterface
  interface Opening<T> {
    T open() throws IOException;
  }

  /**
   * Reads the schema.
   *
   * @param value what a row has, for messages
   */
  ArrowRows(Path file, FileChannel channel, String column, Finder finder, String value)
      throws IOException {
    this.file = file;
    this.value = value;
    this.batches = new Batches(channel);
    this.place = finder.find(batches.schema(), column);
    this.offsets = new Window(channel);
  }

  /** Opens a file, and lets errors name it. */
  static <T> T open(Path file, Opening<T> opening) throws IOException {
    try {
      return opening.open();
    } catch (IOException e) {
      throw ColumnFile.fault(file, KIND, e);
    } catch (RuntimeException e) {
      throw inconsistent(file, e);
    }
  }

  /**
   * Begins a batch.
   *
   * @return how many bytes or items it has
   */
  abstract long begin() throws IOException;

  /** Reads the row's value, which has these bytes or items; it is nothing if it is missing. */
  abstract void read(boolean isMissing, long first, long end) throws IOException;

  /**
   * Moves to the next row.
   *
   * @return false if there is none
   * @throws IOException if the file is damaged; one line that names it
   */
  public final boolean next() throws IOException {
    try {
      while (row == rows) {
        if (!batches.next(place)) {
          return false;
        }
        beginBatch();
      }
      boolean isMissing = false;
      for (long validity : validities) {
        isMissing |= batches.isMissing(validity, row);
      }
      row++;
      long to = offset(row);
      if (to < from || to > length) {
        throw new IOException("a " + value + " ends outside of its batch");
      }
      read(isMissing, from, to);
      from = to;
      return true;
    } catch (IOException e) {
      throw ColumnFile.fault(file, KIND, e);
    } catch (RuntimeException e) {
      throw inconsistent(file, e);
    }
  }

  private void beginBatch() throws IOException {
    rows = batches.rows();
    row = 0;
    validities = place.validities(batches);
    if (place.listSize() == 0) {
      offsetsAt = offsets(place.buffer() + 1, rows, place.offsetBytes());
    }
    length = begin();
    from = rows == 0 ? 0 : offset(0);
    if (from < 0 || from > length) {
      throw new IOException("a " + value + " begins outside of its batch");
    }
  }

  /** Where the offsets of some values lie; a column without values may have none at all. */
  final long offsets(int buffer, long values, int bytes) throws IOException {
    return batches.position(buffer, values == 0 ? 0 : Math.multiplyExact(values + 1, (long) bytes));
  }

  private long offset(long index) throws IOException {
    return place.listSize() > 0
        ? Math.multiplyExact(index, (long) place.listSize())
        : offsets.number(offsetsAt + index * place.offsetBytes(), place.offsetBytes());
  }

  private static IOException inconsistent(Path file, RuntimeException e) {
    return ColumnFile.fault(file, KIND, new IOException("its descriptions are inconsistent", e));
  }
}

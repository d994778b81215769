package io.sluice.text.arrow;

import io.sluice.text.columns.ColumnFile;
import io.sluice.text.columns.IdList;
import io.sluice.text.columns.IdRows;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * Reads one column of lists of integers of an Arrow stream or file, row by row, in memory for one
 * list and some windows of the file. Lists may be of one size or of any, with offsets of four or
 * eight bytes; integers may have one to eight bytes, with or without a sign.
 */
public final class ArrowIds implements IdRows {
  private final Path file;
  private final Batches batches;
  private final Place place;
  private final Place.Items items;
  private final Window offsets;
  private final Window data;
  private final IdList list = new IdList();
  private long[] validities;
  private long itemValidity;
  private long offsetsAt;
  private long dataAt;
  private long count;
  private long rows;
  private long row;
  private long from;

  private ArrowIds(Path file, FileChannel channel, String column) throws IOException {
    this.file = file;
    this.batches = new Batches(channel);
    this.place = Place.ofLists(batches.schema(), column);
    this.items = place.items();
    this.offsets = new Window(channel);
    this.data = new Window(channel);
  }

  /**
   * Reads the schema.
   *
   * @param file the file's name for messages
   * @param channel the file, which the caller closes
   * @param column the column's name; of a structure's field {@code structure.field}
   * @throws IOException if it is damaged, or has no such column of lists of integers; one line that
   *     names the file
   */
  public static ArrowIds open(Path file, FileChannel channel, String column) throws IOException {
    try {
      return new ArrowIds(file, channel, column);
    } catch (IOException e) {
      throw ColumnFile.fault(file, ArrowReader.KIND, e);
    } catch (RuntimeException e) {
      throw ArrowReader.inconsistent(file, e);
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
      list.begin();
      long index = row++;
      long to = offset(row);
      if (to < from || to > count) {
        throw new IOException("a list ends outside of its batch");
      }
      boolean isMissing = false;
      for (long validity : validities) {
        isMissing |= batches.isMissing(validity, index);
      }
      if (isMissing) {
        list.missing();
      } else {
        fill(to);
      }
      from = to;
      return true;
    } catch (IOException e) {
      throw ColumnFile.fault(file, ArrowReader.KIND, e);
    } catch (RuntimeException e) {
      throw ArrowReader.inconsistent(file, e);
    }
  }

  @Override
  public IdList list() {
    return list;
  }

  private void fill(long to) throws IOException {
    for (long i = from; i < to && list.problem() == null; i++) {
      if (batches.isMissing(itemValidity, i)) {
        list.missingItem();
        return;
      }
      long value = data.number(dataAt + i * items.bytes(), items.bytes());
      list.add(items.isSigned() ? value : unsigned(value));
    }
  }

  /** The number without a sign; one of eight bytes above the largest signed one stays negative. */
  private long unsigned(long value) {
    int bits = Byte.SIZE * items.bytes();
    return bits == Long.SIZE ? value : value & (1L << bits) - 1;
  }

  private long offset(long index) throws IOException {
    if (items.size() > 0) {
      return Math.multiplyExact(index, (long) items.size());
    }
    return offsets.number(offsetsAt + index * place.offsetBytes(), place.offsetBytes());
  }

  private void begin() throws IOException {
    rows = batches.rows();
    row = 0;
    validities = place.validities(batches);
    if (items.size() == 0) {
      long least = rows == 0 ? 0 : Math.multiplyExact(rows + 1, (long) place.offsetBytes());
      offsetsAt = batches.position(place.buffer() + 1, least);
    }
    count = batches.items(items.node());
    itemValidity = batches.validity(items.node(), items.buffer(), count);
    dataAt = batches.position(items.buffer() + 1, Math.multiplyExact(count, (long) items.bytes()));
    from = rows == 0 ? 0 : offset(0);
    if (from < 0 || from > count) {
      throw new IOException("a list begins outside of its batch");
    }
  }
}

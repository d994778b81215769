package io.sluice.text.arrow;

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
public final class ArrowIds extends ArrowRows implements IdRows {
  private final Place.Items items;
  private final Window data;
  private final IdList list = new IdList();
  private long itemValidity;
  private long dataAt;

  private ArrowIds(Path file, FileChannel channel, String column) throws IOException {
    super(file, channel, column, Place::ofLists, "list");
    this.items = place.items();
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
    return open(file, () -> new ArrowIds(file, channel, column));
  }

  @Override
  long begin() throws IOException {
    long count = batches.items(items.node());
    itemValidity = batches.validity(items.node(), items.buffer(), count);
    dataAt = batches.position(items.buffer() + 1, Math.multiplyExact(count, (long) items.bytes()));
    return count;
  }

  @Override
  void read(boolean isMissing, long first, long end) throws IOException {
    list.begin();
    if (isMissing) {
      list.missing();
    }
    for (long i = first; i < end && list.problem() == null; i++) {
      if (batches.isMissing(itemValidity, i)) {
        list.missingItem();
      } else {
        long value = data.number(dataAt + i * items.bytes(), items.bytes());
        list.add(items.isSigned() ? value : unsigned(value));
      }
    }
  }

  @Override
  public IdList list() {
    return list;
  }

  /** The number without a sign; one of eight bytes above the largest signed one stays negative. */
  private long unsigned(long value) {
    int bits = Byte.SIZE * items.bytes();
    return bits == Long.SIZE ? value : value & (1L << bits) - 1;
  }
}

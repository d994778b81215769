package io.sluice.text.arrow;

import io.sluice.text.columns.ColumnRows;
import io.sluice.text.columns.MessageJson;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads one column of lists of structures of texts of an Arrow stream or file, such as the messages
 * of conversations, row by row, each as JSON, in memory for one row and some windows of the file.
 */
public final class ArrowMessages extends ArrowRows implements ColumnRows {
  /** The longest conversation in bytes. */
  private static final int LONGEST = 1 << 28;

  private final List<Texts> fields = new ArrayList<>();
  private final MessageJson json = new MessageJson();
  private long structures;
  private long count;
  private boolean isMissing;
  private boolean isTooLong;

  /** The texts of a field in a batch. */
  private final class Texts {
    private final Place.Field of;
    private final Window offsets;
    private final Window data;
    private long validity;
    private long offsetsAt;
    private long dataAt;
    private long dataLength;

    Texts(FileChannel channel, Place.Field of) {
      this.of = of;
      this.offsets = new Window(channel);
      this.data = new Window(channel);
    }

    void begin() throws IOException {
      validity = batches.validity(of.node(), of.buffer(), count);
      offsetsAt = ArrowMessages.this.offsets(of.buffer() + 1, count, of.offsetBytes());
      dataAt = batches.position(of.buffer() + 2, 0);
      dataLength = batches.length(of.buffer() + 2);
    }

    /** Adds the text of an item to the conversation. */
    void add(long item) throws IOException {
      if (batches.isMissing(validity, item)) {
        return;
      }
      long start = offset(item);
      long end = offset(item + 1);
      if (start < 0 || end < start || end > dataLength) {
        throw new IOException("a text ends outside of its batch");
      }
      isTooLong |= json.length() + end - start > LONGEST;
      if (!isTooLong) {
        byte[] text = new byte[(int) (end - start)];
        data.read(dataAt + start, text);
        json.field(of.name(), text, 0, text.length);
      }
    }

    private long offset(long item) throws IOException {
      return offsets.number(offsetsAt + item * of.offsetBytes(), of.offsetBytes());
    }
  }

  private ArrowMessages(Path file, FileChannel channel, String column) throws IOException {
    super(file, channel, column, Place::ofMessages, "list");
    for (Place.Field field : place.messages().fields()) {
      fields.add(new Texts(channel, field));
    }
  }

  /**
   * Reads the schema.
   *
   * @param file the file's name for messages
   * @param channel the file, which the caller closes
   * @param column the column's name; of a structure's field {@code structure.field}
   * @throws IOException if it is damaged, or has no such column of lists of structures of texts;
   *     one line that names the file
   */
  public static ArrowMessages open(Path file, FileChannel channel, String column)
      throws IOException {
    return open(file, () -> new ArrowMessages(file, channel, column));
  }

  @Override
  long begin() throws IOException {
    Place.Messages messages = place.messages();
    count = batches.items(messages.node());
    structures = batches.validity(messages.node(), messages.buffer(), count);
    for (Texts field : fields) {
      field.begin();
    }
    return count;
  }

  @Override
  void read(boolean missing, long first, long end) throws IOException {
    isMissing = missing;
    isTooLong = false;
    json.begin();
    for (long item = first; item < end && !isMissing && !isTooLong; item++) {
      json.message();
      isTooLong = json.length() > LONGEST;
      for (Texts field : fields) {
        if (!batches.isMissing(structures, item)) {
          field.add(item);
        }
      }
    }
    json.end();
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
    return json.bytes();
  }

  @Override
  public int from() {
    return 0;
  }

  @Override
  public int to() {
    return json.length();
  }
}

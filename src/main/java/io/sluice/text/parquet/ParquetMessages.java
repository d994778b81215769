package io.sluice.text.parquet;

import io.sluice.text.columns.ColumnFile;
import io.sluice.text.columns.ColumnRows;
import io.sluice.text.columns.MessageJson;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reads one column of lists of structures of texts of a Parquet file, such as the messages of
 * conversations, row by row, each as JSON. What {@link ParquetReader} says of compression and of
 * untrusted files is true here, too; there is a page and a dictionary in memory for each field.
 */
public final class ParquetMessages implements ColumnRows {
  /** The longest conversation in bytes. */
  private static final int LONGEST = 1 << 28;

  private final Path file;
  private final List<Field> fields = new ArrayList<>();
  private final MessageJson json = new MessageJson();
  private boolean isMissing;
  private boolean isTooLong;

  /** A field of the structures, with its texts of the current row; null where there is none. */
  private static final class Field {
    private final Footer footer;
    private final Pages pages;
    private final List<byte[]> texts = new ArrayList<>();
    private boolean begun;
    private boolean more;
    private boolean isMissing;
    private boolean isTooLong;

    Field(FileChannel channel, Footer footer) throws IOException {
      this.footer = footer;
      this.pages = new Pages(channel, footer);
    }

    boolean next() throws IOException {
      if (!begun) {
        begun = true;
        more = pages.next();
      }
      if (!more) {
        return false;
      }
      texts.clear();
      isTooLong = false;
      isMissing = pages.definition() < footer.item() - 1;
      boolean hasItems = pages.definition() >= footer.item();
      long bytes = 0;
      do {
        if (hasItems != pages.definition() >= footer.item()) {
          throw new IOException("a list is empty and has items");
        }
        if (hasItems) {
          Values value = pages.definition() == footer.optional() ? pages.text() : null;
          bytes += value == null ? 8 : 8L + value.to - value.from;
          isTooLong |= bytes > LONGEST;
          if (!isTooLong) {
            texts.add(value == null ? null : Arrays.copyOfRange(value.bytes, value.from, value.to));
          }
        }
        more = pages.next();
      } while (more && pages.repetition() > 0);
      return true;
    }
  }

  private ParquetMessages(Path file, FileChannel channel, List<Footer> footers) throws IOException {
    this.file = file;
    for (Footer footer : footers) {
      fields.add(new Field(channel, footer));
    }
  }

  /**
   * Reads the footer.
   *
   * @param file the file's name for messages
   * @param channel the file, which the caller closes
   * @param column the column's name; of a structure's field {@code structure.field}
   * @throws IOException if it is not a Parquet file, is damaged, or has no such column of lists of
   *     structures of texts; one line that names the file
   */
  public static ParquetMessages open(Path file, FileChannel channel, String column)
      throws IOException {
    try {
      return new ParquetMessages(file, channel, Footer.readMessages(Pages.footer(channel), column));
    } catch (IOException e) {
      throw ColumnFile.fault(file, ParquetReader.KIND, e);
    }
  }

  @Override
  public boolean next() throws IOException {
    try {
      int there = 0;
      for (Field field : fields) {
        there += field.next() ? 1 : 0;
      }
      if (there == 0) {
        return false;
      }
      Field first = fields.getFirst();
      isTooLong = false;
      for (Field field : fields) {
        isTooLong |= field.isTooLong;
      }
      for (Field field : fields) {
        boolean agrees =
            isTooLong
                || field.isMissing == first.isMissing && field.texts.size() == first.texts.size();
        if (there < fields.size() || !agrees) {
          throw new IOException("the fields of a structure have lists of different lengths");
        }
      }
      isMissing = first.isMissing;
      if (!isTooLong) {
        write(first.texts.size());
      }
      isTooLong |= json.length() > LONGEST;
      return true;
    } catch (IndexOutOfBoundsException e) {
      throw ColumnFile.fault(
          file, ParquetReader.KIND, new IOException("a page ends before its values do", e));
    } catch (IOException e) {
      throw ColumnFile.fault(file, ParquetReader.KIND, e);
    }
  }

  private void write(int messages) {
    json.begin();
    for (int i = 0; i < messages; i++) {
      json.message();
      for (Field field : fields) {
        byte[] text = field.texts.get(i);
        if (text != null) {
          json.field(field.footer.name(), text, 0, text.length);
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

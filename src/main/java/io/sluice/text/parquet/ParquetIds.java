package io.sluice.text.parquet;

import io.sluice.text.columns.ColumnFile;
import io.sluice.text.columns.IdList;
import io.sluice.text.columns.IdRows;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * Reads one column of lists of integers of a Parquet file, row by row, in memory for one page, one
 * dictionary and one list. What {@link ParquetReader} says of compression and of untrusted files is
 * true here, too; integers may be plain, in a dictionary, differences or split into streams of
 * bytes.
 */
public final class ParquetIds implements IdRows {
  private final Path file;
  private final Footer footer;
  private final Pages pages;
  private final IdList list = new IdList();
  private boolean begun;
  private boolean more;

  private ParquetIds(Path file, FileChannel channel, Footer footer) throws IOException {
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
   * @throws IOException if it is not a Parquet file, is damaged, or has no such column of lists of
   *     integers; one line that names the file
   */
  public static ParquetIds open(Path file, FileChannel channel, String column) throws IOException {
    try {
      return new ParquetIds(file, channel, Footer.readLists(Pages.footer(channel), column));
    } catch (IOException e) {
      throw ColumnFile.fault(file, ParquetReader.KIND, e);
    }
  }

  /** As in {@link IdRows}; also refused is a file whose unpacked size is not plausible. */
  @Override
  public boolean next() throws IOException {
    try {
      if (!begun) {
        begun = true;
        more = pages.next();
      }
      if (!more) {
        return false;
      }
      list.begin();
      if (pages.definition() < footer.item() - 1) {
        list.missing();
      }
      boolean hasItems = pages.definition() >= footer.item();
      do {
        if (hasItems != pages.definition() >= footer.item()) {
          throw new IOException("a list is empty and has items");
        }
        if (pages.definition() == footer.optional()) {
          list.add(pages.number());
        } else if (hasItems) {
          list.missingItem();
        }
        more = pages.next();
      } while (more && pages.repetition() > 0);
      return true;
    } catch (IndexOutOfBoundsException e) {
      throw ColumnFile.fault(
          file, ParquetReader.KIND, new IOException("a page ends before its values do", e));
    } catch (IOException e) {
      throw ColumnFile.fault(file, ParquetReader.KIND, e);
    }
  }

  @Override
  public IdList list() {
    return list;
  }
}

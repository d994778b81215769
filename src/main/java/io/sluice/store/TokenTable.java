package io.sluice.store;

import io.sluice.store.tables.Cells;
import io.sluice.store.tables.ColumnBuffer;
import io.sluice.store.tables.Table;
import io.sluice.store.tables.TableColumn;
import io.sluice.store.tables.TableColumn.Element;
import io.sluice.store.tables.TableFile;
import io.sluice.store.tables.TableWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;

/**
 * The text of each token of a vocabulary, by its id. Texts of consecutive tokens, one after the
 * other, are the text that was tokenized, but for what the tokenizer itself changed. A token that
 * is part of a character is written as its bytes, for instance {@code <0xE2>}.
 */
public final class TokenTable {
  /** The name of its file in a folder. */
  public static final String FILE_NAME = "tokens.arrow";

  private static final int ROWS_PER_BATCH = 1 << 16;
  private static final List<TableColumn> COLUMNS =
      List.of(TableColumn.of("id", Element.INT32), TableColumn.of("text", Element.UTF8));

  private final List<String> texts; // Null if they are in a file.
  private final Cells cells;
  private final int size;

  private TokenTable(List<String> texts, Cells cells, int size) {
    this.texts = texts;
    this.cells = cells;
    this.size = size;
  }

  /** A table of these texts; the id of each is its index. */
  public static TokenTable of(List<String> texts) {
    return new TokenTable(List.copyOf(texts), null, texts.size());
  }

  /**
   * Opens a file, which is mapped.
   *
   * @param remedy what to do about a damaged file, as the end of a sentence
   * @throws IOException if it is missing or damaged; one line that names it
   */
  public static TokenTable read(Path file, String remedy) throws IOException {
    Table table = Table.open(file, COLUMNS, remedy);
    int size = (int) Math.min(Integer.MAX_VALUE, table.rows());
    Cells ids = table.column("id");
    for (int id = 0; id < size; id++) {
      if (ids.whole(id) != id) {
        throw new IOException(
            "%s: damaged: row %d is of token %d; %s".formatted(file, id, ids.whole(id), remedy));
      }
    }
    return new TokenTable(null, table.column("text"), size);
  }

  /**
   * Writes a file atomically.
   *
   * @throws IOException if it cannot be written
   */
  public TableFile write(Path file) throws IOException {
    return TableWriter.write(
        file,
        COLUMNS,
        ROWS_PER_BATCH,
        table -> {
          ColumnBuffer ids = table.column("id");
          ColumnBuffer all = table.column("text");
          for (int id = 0; id < size; id++) {
            ids.put(id);
            all.put(text(id));
            table.endRow();
          }
        });
  }

  /** The number of tokens; ids are below it. */
  public int size() {
    return size;
  }

  /**
   * The text of a token; that of an id outside the vocabulary is the id in angle brackets.
   *
   * @throws UncheckedIOException if the file is damaged there
   */
  public String text(int id) {
    if (id < 0 || id >= size) {
      return "<" + id + ">";
    }
    return texts == null ? cells.text(id) : texts.get(id);
  }
}

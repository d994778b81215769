package io.sluice.store;

import io.sluice.store.tables.Cells;
import io.sluice.store.tables.ColumnBuffer;
import io.sluice.store.tables.Table;
import io.sluice.store.tables.TableColumn;
import io.sluice.store.tables.TableColumn.Element;
import io.sluice.store.tables.TableFile;
import io.sluice.store.tables.TableWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** The documents of a store, in the order of their rows: the name of each, and its first row. */
public final class DocumentTable {
  /** The name of its file in a folder. */
  public static final String FILE_NAME = "documents.arrow";

  private static final int ROWS_PER_BATCH = 1 << 16;
  private static final List<TableColumn> COLUMNS =
      List.of(TableColumn.of("name", Element.UTF8), TableColumn.of("first_row", Element.INT64));

  private final List<Document> documents; // Null if they are in a file.
  private final Cells names;
  private final Cells firstRows;
  private final int count;

  /**
   * A document.
   *
   * @param name its name
   * @param firstRow the index in the store of its first row
   */
  public record Document(String name, long firstRow) {
    public Document {
      Objects.requireNonNull(name, "name");
    }
  }

  private DocumentTable(List<Document> documents, Cells names, Cells firstRows, int count) {
    this.documents = documents;
    this.names = names;
    this.firstRows = firstRows;
    this.count = count;
  }

  /**
   * A table of these documents, in the order of their rows.
   *
   * @throws IllegalArgumentException if one begins before the one before it
   */
  public static DocumentTable of(List<Document> documents) {
    List<Document> all = List.copyOf(documents);
    for (int i = 1; i < all.size(); i++) {
      if (all.get(i).firstRow < all.get(i - 1).firstRow) {
        throw new IllegalArgumentException(
            "document %d begins at row %d, and the one before it at %d"
                .formatted(i, all.get(i).firstRow, all.get(i - 1).firstRow));
      }
    }
    return new DocumentTable(all, null, null, all.size());
  }

  /**
   * Opens a file, which is mapped.
   *
   * @param remedy what to do about a damaged file, as the end of a sentence
   * @throws IOException if it is missing or damaged; one line that names it
   */
  public static DocumentTable read(Path file, String remedy) throws IOException {
    Table table = Table.open(file, COLUMNS, remedy);
    Cells firstRows = table.column("first_row");
    long before = 0;
    for (long i = 0; i < table.rows(); i++) {
      long firstRow = firstRows.whole(i);
      if (firstRow < before) {
        throw new IOException(
            "%s: damaged: document %d begins at row %d, and the one before it at %d; %s"
                .formatted(file, i, firstRow, before, remedy));
      }
      before = firstRow;
    }
    int count = (int) Math.min(Integer.MAX_VALUE, table.rows());
    return new DocumentTable(null, table.column("name"), firstRows, count);
  }

  /**
   * Writes a file atomically.
   *
   * @throws IOException if it cannot be written
   */
  public TableFile write(Path file) throws IOException {
    try (Writer writer = new Writer(file)) {
      for (int i = 0; i < count; i++) {
        writer.add(name(i), firstRow(i));
      }
      return writer.finish();
    }
  }

  /** Writes a file document by document, in memory for some of them. */
  static final class Writer implements AutoCloseable {
    private final TableWriter table;
    private final ColumnBuffer names;
    private final ColumnBuffer firstRows;
    private long last;

    Writer(Path file) throws IOException {
      table = TableWriter.open(file, COLUMNS, ROWS_PER_BATCH);
      names = table.column("name");
      firstRows = table.column("first_row");
    }

    void add(String name, long firstRow) throws IOException {
      if (firstRow < last) {
        throw new IllegalArgumentException(
            "document '%s' begins at row %d, and the one before it at %d"
                .formatted(name, firstRow, last));
      }
      last = firstRow;
      names.put(name);
      firstRows.put(firstRow);
      table.endRow();
    }

    TableFile finish() throws IOException {
      return table.finish();
    }

    @Override
    public void close() throws IOException {
      table.close();
    }
  }

  /** The number of documents. */
  public int count() {
    return count;
  }

  /** The name of a document. */
  public String name(int document) {
    return documents == null ? names.text(document) : documents.get(document).name;
  }

  /** The index in the store of a document's first row. */
  public long firstRow(int document) {
    return documents == null ? firstRows.whole(document) : documents.get(document).firstRow;
  }

  /** The document that holds a row; -1 if the row is before the first document. */
  public int of(long row) {
    int low = 0;
    int high = count;
    while (low < high) { // The first document that begins after the row.
      int middle = (low + high) >>> 1;
      if (firstRow(middle) <= row) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low - 1;
  }

  /** The documents, as a list. */
  public List<Document> list() {
    List<Document> all = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      all.add(new Document(name(i), firstRow(i)));
    }
    return all;
  }
}

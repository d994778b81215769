package io.sluice.store.tables;

import io.sluice.files.RegularFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A table in an Arrow IPC file, mapped into memory. Opening reads only its metadata, and checks
 * every offset and length in them. The file must not change while the table is in use. Safe for use
 * by several threads; the mapping ends when the table and its cells are garbage.
 */
public final class Table {
  private final Path file;
  private final long rows;
  private final List<TableColumn> columns;
  private final List<Cells> cells;
  private final Map<String, String> notes;

  private Table(
      Path file,
      long rows,
      List<TableColumn> columns,
      List<Cells> cells,
      Map<String, String> notes) {
    this.file = file;
    this.rows = rows;
    this.columns = columns;
    this.cells = cells;
    this.notes = notes;
  }

  /**
   * Opens a file.
   *
   * @param columns the columns that it must have, in order
   * @param remedy what to do about a damaged file, as the end of a sentence
   * @throws IOException if it is missing, is not an Arrow IPC file, is damaged or has other
   *     columns; one line that names it
   */
  public static Table open(Path file, List<TableColumn> columns, String remedy) throws IOException {
    MemorySegment bytes;
    try (FileChannel channel = RegularFile.open(file)) {
      bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), Arena.ofAuto());
    } catch (NoSuchFileException e) {
      throw new IOException(file + ": no such file; " + remedy, e);
    }
    TableParser parser = new TableParser(file, bytes, remedy);
    List<Cells> cells = parser.cells(columns);
    return new Table(file, parser.rows(), List.copyOf(columns), cells, parser.notes());
  }

  /** The file. */
  public Path file() {
    return file;
  }

  /** The number of rows. */
  public long rows() {
    return rows;
  }

  /** The columns, in order. */
  public List<TableColumn> columns() {
    return columns;
  }

  /** The notes on the table, by name. */
  public Map<String, String> notes() {
    return notes;
  }

  /** Whether there is a column of that name. */
  public boolean has(String name) {
    return columns.stream().anyMatch(column -> column.name().equals(name));
  }

  /**
   * The values of a column.
   *
   * @throws IllegalArgumentException if there is no such column
   */
  public Cells column(String name) {
    for (int i = 0; i < columns.size(); i++) {
      if (columns.get(i).name().equals(name)) {
        return cells.get(i);
      }
    }
    throw new IllegalArgumentException(file + ": has no column '" + name + "'");
  }
}

package io.sluice.store.tables;

import io.sluice.files.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Writes a table row by row: each column of a row is put into its {@link ColumnBuffer}, then {@link
 * #endRow} ends the row. Rows are written in record batches of equal size, so memory is bounded by
 * one batch. Not safe for use by several threads at a time.
 *
 * <pre>{@code
 * TableFile file = TableWriter.write(path, columns, 65536, table -> {
 *   ColumnBuffer feature = table.column("feature");
 *   for (int i = 0; i < 10; i++) {
 *     feature.put(i);
 *     table.endRow();
 *   }
 * });
 * }</pre>
 */
public final class TableWriter implements AutoCloseable {
  private static final int CHUNK_BYTES = 1 << 18;

  private final AtomicFile file;
  private final List<TableColumn> columns;
  private final Schema schema;
  private final List<ColumnBuffer> buffers;
  private final int rowsPerBatch;
  private final List<TableFrame.BatchPlace> batches = new ArrayList<>();
  private final MessageDigest checksum = sha256();
  private long written;
  private long rows;
  private int waiting;

  private TableWriter(
      AtomicFile file, List<TableColumn> columns, Map<String, String> notes, int rowsPerBatch)
      throws IOException {
    this.file = file;
    this.columns = List.copyOf(columns);
    this.schema = TableFrame.schema(columns, notes);
    this.buffers = columns.stream().map(ColumnBuffer::new).toList();
    this.rowsPerBatch = rowsPerBatch;
    write(ByteBuffer.wrap(TableFrame.head(schema)));
  }

  /** Puts the rows of a table. */
  public interface Content {
    /** Puts all rows. */
    void writeTo(TableWriter table) throws IOException;
  }

  /**
   * Writes a table atomically.
   *
   * @param file the target
   * @param columns its columns, in order
   * @param rowsPerBatch rows of every record batch but the last
   * @throws IOException if it cannot be written, or {@code content} fails
   */
  public static TableFile write(
      Path file, List<TableColumn> columns, int rowsPerBatch, Content content) throws IOException {
    return write(file, columns, Map.of(), rowsPerBatch, content);
  }

  /**
   * Writes a table with notes on it, which Arrow calls the metadata of its schema.
   *
   * @param notes texts by name, in order
   * @throws IOException if it cannot be written, or {@code content} fails
   */
  public static TableFile write(
      Path file,
      List<TableColumn> columns,
      Map<String, String> notes,
      int rowsPerBatch,
      Content content)
      throws IOException {
    try (TableWriter writer = open(file, columns, notes, rowsPerBatch)) {
      content.writeTo(writer);
      return writer.finish();
    }
  }

  /**
   * Begins a table; {@link #finish} puts it in its place, and closing it before that deletes it.
   *
   * @param file the target
   * @param columns its columns, in order
   * @param rowsPerBatch rows of every record batch but the last
   * @throws IOException if it cannot be written
   */
  public static TableWriter open(Path file, List<TableColumn> columns, int rowsPerBatch)
      throws IOException {
    return open(file, columns, Map.of(), rowsPerBatch);
  }

  private static TableWriter open(
      Path file, List<TableColumn> columns, Map<String, String> notes, int rowsPerBatch)
      throws IOException {
    AtomicFile target = AtomicFile.open(file);
    try {
      return new TableWriter(target, columns, notes, rowsPerBatch);
    } catch (IOException | RuntimeException e) {
      target.close();
      throw e;
    }
  }

  /**
   * The values of a column.
   *
   * @throws IllegalArgumentException if there is no such column
   */
  public ColumnBuffer column(String name) {
    for (int i = 0; i < columns.size(); i++) {
      if (columns.get(i).name().equals(name)) {
        return buffers.get(i);
      }
    }
    throw new IllegalArgumentException("the table has no column '" + name + "': " + columns);
  }

  /** Rows put so far. */
  public long rows() {
    return rows;
  }

  /**
   * Ends a row, for which each column has been put once.
   *
   * @throws IllegalStateException if one was not, or more than once
   * @throws IOException if a full batch cannot be written
   */
  public void endRow() throws IOException {
    waiting++;
    rows++;
    for (int i = 0; i < columns.size(); i++) {
      if (buffers.get(i).rows() != waiting) {
        throw new IllegalStateException(
            "column '%s' has %d rows in this batch where the table has %d"
                .formatted(columns.get(i).name(), buffers.get(i).rows(), waiting));
      }
    }
    if (waiting == rowsPerBatch) {
      writeBatch();
    }
  }

  /**
   * Ends the table and puts it in its place.
   *
   * @throws IOException if it cannot be written
   */
  public TableFile finish() throws IOException {
    if (waiting > 0) {
      writeBatch();
    }
    write(ByteBuffer.wrap(TableFrame.tail(schema, batches)));
    file.commit();
    return new TableFile(rows, written, HexFormat.of().formatHex(checksum.digest()));
  }

  private void writeBatch() throws IOException {
    List<TableFrame.Node> nodes = new ArrayList<>();
    List<TableFrame.Place> places = new ArrayList<>();
    List<ByteBuffer> all = new ArrayList<>();
    long end = 0;
    for (int i = 0; i < columns.size(); i++) {
      ColumnBuffer buffer = buffers.get(i);
      nodes.add(new TableFrame.Node(waiting, buffer.nulls()));
      if (columns.get(i).hasChild()) {
        nodes.add(new TableFrame.Node(buffer.elements(), 0));
      }
      for (ByteBuffer bytes : buffer.buffers()) {
        places.add(new TableFrame.Place(end, bytes.remaining()));
        end = TableFrame.align(end + bytes.remaining());
        all.add(bytes);
      }
    }
    byte[] metadata = TableFrame.batch(waiting, nodes, places, end);
    batches.add(new TableFrame.BatchPlace(written, metadata.length, end));
    write(ByteBuffer.wrap(metadata));
    for (ByteBuffer bytes : all) {
      int length = bytes.remaining();
      write(bytes);
      write(ByteBuffer.allocate((int) (TableFrame.align(length) - length)));
    }
    buffers.forEach(ColumnBuffer::clear);
    waiting = 0;
  }

  /** Deletes the file unless it is finished. */
  @Override
  public void close() throws IOException {
    file.close();
  }

  /** In chunks, so that the checksum reads what the write has just brought into the cache. */
  private void write(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      ByteBuffer chunk = bytes.slice(bytes.position(), Math.min(CHUNK_BYTES, bytes.remaining()));
      bytes.position(bytes.position() + chunk.remaining());
      int length = chunk.remaining();
      checksum.update(chunk.duplicate());
      file.write(chunk, written);
      written += length;
    }
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // Every Java platform has it.
    }
  }
}

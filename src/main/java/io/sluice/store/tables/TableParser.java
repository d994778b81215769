package io.sluice.store.tables;

import io.sluice.store.tables.TableColumn.Element;
import io.sluice.store.tables.TableColumn.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.arrow.flatbuf.Block;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Footer;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Finds the columns in a mapped Arrow IPC file. For any bytes, the result is either columns that
 * lie wholly inside the file and are those wanted, or an {@link IOException} that names the file.
 */
final class TableParser {
  private static final int LEAST_BYTES = 32;
  private static final int MOST_METADATA = 64 << 20;

  private final Path path;
  private final MemorySegment file;
  private final String remedy;
  private long rows;
  private long rowsPerBatch;
  private Map<String, String> notes = Map.of();

  TableParser(Path path, MemorySegment file, String remedy) {
    this.path = path;
    this.file = file;
    this.remedy = remedy;
  }

  /** The number of rows, after {@link #cells}. */
  long rows() {
    return rows;
  }

  /** The notes on the table, after {@link #cells}. */
  Map<String, String> notes() {
    return notes;
  }

  /** The columns. */
  List<Cells> cells(List<TableColumn> columns) throws IOException {
    try {
      return find(columns);
    } catch (RuntimeException e) {
      // Flatbuffer accessors follow offsets within a bounded buffer and throw when one leads out.
      throw damaged("its metadata are inconsistent");
    }
  }

  private List<Cells> find(List<TableColumn> columns) throws IOException {
    Footer footer = footer();
    requireVersion(footer.version());
    Schema schema = Schema.convertSchema(footer.schema());
    requireColumns(schema.getFields(), columns);
    notes = Map.copyOf(schema.getCustomMetadata());
    if (footer.dictionariesLength() != 0) {
      throw damaged("it has dictionary batches");
    }
    List<List<Cells.Part>> parts = new ArrayList<>();
    columns.forEach(column -> parts.add(new ArrayList<>()));
    boolean ended = false;
    for (int i = 0; i < footer.recordBatchesLength(); i++) {
      long before = rows;
      addBatch(footer.recordBatches(i), columns, parts);
      long added = rows - before;
      rowsPerBatch = i == 0 ? added : rowsPerBatch;
      if (ended || added > rowsPerBatch) {
        throw damaged("its record batches have different numbers of rows");
      }
      ended = added < rowsPerBatch;
    }
    List<Cells> cells = new ArrayList<>();
    for (int i = 0; i < columns.size(); i++) {
      cells.add(new Cells(path, columns.get(i), rows, Math.max(1, rowsPerBatch), parts.get(i)));
    }
    return cells;
  }

  private Footer footer() throws IOException {
    long size = file.byteSize();
    int magic = TableFrame.MAGIC.length;
    if (size < LEAST_BYTES || !isMagic(0)) {
      throw new IOException(path + ": is not an Arrow IPC file; " + remedy);
    }
    if (!isMagic(size - magic)) {
      throw damaged("its end is missing");
    }
    long lengthAt = size - magic - Integer.BYTES;
    int length = file.get(ValueLayout.JAVA_INT_UNALIGNED, lengthAt);
    if (length < 8 || length > lengthAt - magic || length > MOST_METADATA) {
      throw damaged("its footer would be " + length + " bytes long");
    }
    return Footer.getRootAsFooter(copy(lengthAt - length, length));
  }

  private boolean isMagic(long offset) {
    byte[] found = file.asSlice(offset, TableFrame.MAGIC.length).toArray(ValueLayout.JAVA_BYTE);
    return Arrays.equals(found, TableFrame.MAGIC);
  }

  private void requireColumns(List<Field> fields, List<TableColumn> columns) throws IOException {
    boolean same = fields.size() == columns.size();
    for (int i = 0; same && i < fields.size(); i++) {
      same = columns.get(i).describes(fields.get(i));
    }
    if (!same) {
      throw damaged(
          "its columns are "
              + words(fields)
              + ", expected "
              + words(columns.stream().map(TableColumn::field).toList()));
    }
  }

  private static String words(List<Field> fields) {
    return fields.stream()
        .map(field -> field.getName() + ": " + kind(field))
        .collect(Collectors.joining(", ", "[", "]"));
  }

  /** As Python names it, which may have written the file. */
  private static String kind(Field field) {
    String kind =
        switch (field.getType()) {
          case ArrowType.Int number ->
              (number.getIsSigned() ? "int" : "uint") + number.getBitWidth();
          case ArrowType.Utf8 text -> "string";
          case ArrowType.LargeUtf8 text -> "large_string";
          case ArrowType.Utf8View text -> "string_view";
          default -> field.getType().toString();
        };
    return field.getDictionary() == null ? kind : "dictionary of " + kind;
  }

  private void addBatch(Block block, List<TableColumn> columns, List<List<Cells.Part>> parts)
      throws IOException {
    requireInside(block.offset(), block.metaDataLength());
    MemorySegment body = inside(block.offset() + block.metaDataLength(), block.bodyLength());
    RecordBatch batch = batch(copy(block.offset(), block.metaDataLength()));
    if (batch.compression() != null) {
      throw damaged("it is compressed, and only uncompressed files can be mapped");
    }
    long length = batch.length();
    if (length < 1 || length > Integer.MAX_VALUE) {
      throw damaged("a record batch has " + length + " rows");
    }
    int node = 0;
    int buffer = 0;
    for (int i = 0; i < columns.size(); i++) {
      TableColumn column = columns.get(i);
      long nulls = batch.nodes(node).nullCount();
      if (batch.nodes(node++).length() != length || nulls != 0 && !column.nullable()) {
        throw damaged("column '" + column.name() + "' has other rows, or missing values");
      }
      MemorySegment validity =
          nulls == 0 ? null : buffer(batch.buffers(buffer), body, (length + 7) / 8, column);
      buffer++;
      MemorySegment offsets = null;
      if (column.hasOffsets()) {
        offsets = buffer(batch.buffers(buffer++), body, (length + 1) * Integer.BYTES, column);
      }
      long elements = length;
      if (column.hasChild()) {
        elements = batch.nodes(node).length();
        long fixed = Math.multiplyExact(length, (long) column.size());
        if (batch.nodes(node++).nullCount() != 0
            || elements < 0
            || column.shape() == Shape.FIXED_LIST && elements != fixed) {
          throw damaged("column '" + column.name() + "' has lists of other lengths");
        }
        buffer++;
      }
      Buffer data = batch.buffers(buffer++);
      parts
          .get(i)
          .add(
              new Cells.Part(
                  validity, offsets, buffer(data, body, bytes(column, elements, data), column)));
    }
    if (node != batch.nodesLength() || buffer != batch.buffersLength()) {
      throw damaged("a record batch has more parts than its columns");
    }
    rows = Math.addExact(rows, length);
  }

  private static long bytes(TableColumn column, long elements, Buffer data) {
    return switch (column.element()) {
      case Element.BOOL -> (elements + 7) / 8;
      case Element.UTF8 -> data.length();
      default -> Math.multiplyExact(elements, (long) column.element().bytes());
    };
  }

  private RecordBatch batch(ByteBuffer metadata) throws IOException {
    metadata.order(ByteOrder.LITTLE_ENDIAN);
    if (metadata.remaining() < TableFrame.PREFIX_BYTES
        || metadata.getInt(0) != TableFrame.CONTINUATION) {
      throw damaged("its record batch does not begin as Arrow's do since version 0.15");
    }
    int length = metadata.getInt(Integer.BYTES);
    if (length < 8 || length > metadata.remaining() - TableFrame.PREFIX_BYTES) {
      throw damaged("its record batch metadata would be " + length + " bytes long");
    }
    Message message = Message.getRootAsMessage(metadata.slice(TableFrame.PREFIX_BYTES, length));
    requireVersion(message.version());
    if (message.headerType() != MessageHeader.RecordBatch) {
      throw damaged("its footer does not point at a record batch");
    }
    return (RecordBatch) message.header(new RecordBatch());
  }

  private MemorySegment buffer(Buffer buffer, MemorySegment body, long bytes, TableColumn column)
      throws IOException {
    if (buffer.length() < bytes
        || buffer.offset() < 0
        || buffer.offset() > body.byteSize() - buffer.length()) {
      throw damaged("column '" + column.name() + "' lies outside its record batch");
    }
    return body.asSlice(buffer.offset(), bytes);
  }

  private void requireVersion(short version) throws IOException {
    if (version != MetadataVersion.V5 && version != MetadataVersion.V4) {
      throw damaged("its metadata are of version " + version + ", Arrow's V4 and V5 are read");
    }
  }

  private void requireInside(long offset, long length) throws IOException {
    if (offset < 0 || length < 0 || offset > file.byteSize() - length) {
      throw damaged("a record batch lies outside its " + file.byteSize() + " bytes");
    }
  }

  private MemorySegment inside(long offset, long length) throws IOException {
    requireInside(offset, length);
    return file.asSlice(offset, length);
  }

  private ByteBuffer copy(long offset, int length) throws IOException {
    if (length > MOST_METADATA) {
      throw damaged("its metadata would be " + length + " bytes long");
    }
    return ByteBuffer.wrap(inside(offset, length).toArray(ValueLayout.JAVA_BYTE));
  }

  private IOException damaged(String what) {
    return new IOException(path + ": damaged: " + what + "; " + remedy);
  }
}

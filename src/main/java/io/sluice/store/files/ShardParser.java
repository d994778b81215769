package io.sluice.store.files;

import io.sluice.store.tables.TableFrame;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import org.apache.arrow.flatbuf.Block;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Footer;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;

/**
 * Finds the columns in an Arrow IPC file. For any bytes, the result is either columns that lie
 * wholly inside the file and match the manifest, or an {@link IOException} that names the file.
 * Every count, offset and length is compared with the file's size before it is used. Any Arrow
 * feature that would change the meaning of the bytes is refused by its name.
 */
public final class ShardParser {
  private static final int MIN_BYTES = 32;

  /** Far above the size of any schema: the limit of what is read before the file is checked. */
  private static final int MOST_METADATA = 64 << 20;

  private final Path path;
  private final ShardBytes file;

  private ShardParser(Path path, ShardBytes file) {
    this.path = path;
    this.file = file;
  }

  /**
   * The offset in the file of each of {@code columns}.
   *
   * @throws IOException if the file is not an Arrow file, is damaged, or holds other columns or
   *     rows
   */
  public static long[] parse(Path path, ShardBytes file, List<Column> columns, int rows)
      throws IOException {
    ShardParser parser = new ShardParser(path, file);
    try {
      return parser.columns(columns, rows);
    } catch (RuntimeException e) {
      // Flatbuffer accessors follow offsets within a bounded buffer and throw when one leads out.
      throw parser.damaged("its metadata is inconsistent");
    } catch (ShardSchema.Refused e) {
      throw parser.damaged(e.getMessage());
    }
  }

  private long[] columns(List<Column> columns, int rows) throws IOException, ShardSchema.Refused {
    Footer footer = footer();
    requireVersion(footer.version());
    ShardSchema.check(footer.schema(), columns);
    if (footer.dictionariesLength() != 0) {
      throw damaged("it has dictionary batches; write plain columns");
    }
    if (footer.recordBatchesLength() != 1) {
      throw damaged("it has " + footer.recordBatchesLength() + " record batches, expected 1");
    }
    Block block = footer.recordBatches(0);
    int metadataBytes = block.metaDataLength();
    requireInside(block.offset(), metadataBytes, "record batch metadata");
    long bodyStart = Math.addExact(block.offset(), metadataBytes);
    requireInside(bodyStart, block.bodyLength(), "record batch");
    if (metadataBytes > MOST_METADATA) {
      throw damaged("its record batch metadata would be " + metadataBytes + " bytes long");
    }
    RecordBatch batch = batch(file.read(block.offset(), metadataBytes), block.bodyLength());
    return locate(batch, bodyStart, block.bodyLength(), columns, rows);
  }

  private Footer footer() throws IOException {
    long size = file.size();
    int magic = TableFrame.MAGIC.length;
    if (size < MIN_BYTES || !isMagic(0)) {
      throw new IOException(path + ": not an Arrow IPC file; capture the store again");
    }
    if (!isMagic(size - magic)) {
      throw damaged("its end is missing");
    }
    long lengthAt = size - magic - Integer.BYTES;
    int length = file.read(lengthAt, Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).getInt(0);
    if (length < 8 || length > lengthAt - magic || length > MOST_METADATA) {
      throw damaged("its footer would be " + length + " bytes long");
    }
    return Footer.getRootAsFooter(file.read(lengthAt - length, length));
  }

  private boolean isMagic(long offset) throws IOException {
    return file.read(offset, TableFrame.MAGIC.length).equals(ByteBuffer.wrap(TableFrame.MAGIC));
  }

  private void requireVersion(short version) throws IOException {
    if (version != MetadataVersion.V5 && version != MetadataVersion.V4) {
      String name =
          version >= 0 && version < MetadataVersion.names.length
              ? MetadataVersion.name(version)
              : "number " + version;
      throw damaged("its metadata are of version " + name + ", Arrow's V4 and V5 are read");
    }
  }

  private RecordBatch batch(ByteBuffer metadata, long bodyBytes) throws IOException {
    metadata.order(ByteOrder.LITTLE_ENDIAN);
    int prefix = TableFrame.PREFIX_BYTES;
    if (metadata.remaining() < prefix || metadata.getInt(0) != TableFrame.CONTINUATION) {
      throw damaged("its record batch does not begin as Arrow's do since version 0.15");
    }
    int length = metadata.getInt(Integer.BYTES);
    if (length < 8 || length > metadata.remaining() - prefix) {
      throw damaged("its record batch metadata would be " + length + " bytes long");
    }
    Message message = Message.getRootAsMessage(metadata.slice(prefix, length));
    requireVersion(message.version());
    if (message.headerType() != MessageHeader.RecordBatch) {
      throw damaged("its footer does not point at a record batch");
    }
    if (message.bodyLength() != bodyBytes) {
      throw damaged(
          "its record batch says it is "
              + message.bodyLength()
              + " bytes long, its footer says "
              + bodyBytes);
    }
    RecordBatch batch = (RecordBatch) message.header(new RecordBatch());
    if (batch == null) {
      throw damaged("its record batch is empty");
    }
    if (batch.compression() != null) {
      throw new IOException(
          path + ": compressed Arrow data cannot be mapped; write it without compression");
    }
    return batch;
  }

  private long[] locate(
      RecordBatch batch, long bodyStart, long bodyBytes, List<Column> columns, int rows)
      throws IOException {
    if (batch.length() != rows) {
      throw damaged("it has " + batch.length() + " rows, the manifest says " + rows);
    }
    if (batch.variadicBufferCountsLength() != 0) {
      throw damaged("it has buffers of variable number, which no column of a store has");
    }
    int lists = (int) columns.stream().filter(column -> !column.isTokenColumn()).count();
    int nodes = columns.size() + lists;
    int buffers = nodes + columns.size(); // A validity bitmap of each node, data of each column.
    if (batch.nodesLength() != nodes || batch.buffersLength() != buffers) {
      throw damaged(
          "it has %d nodes and %d buffers, its columns have %d and %d"
              .formatted(batch.nodesLength(), batch.buffersLength(), nodes, buffers));
    }
    long[] found = new long[columns.size()];
    int node = 0;
    int buffer = 0;
    for (int i = 0; i < found.length; i++) {
      Column column = columns.get(i);
      requireNode(batch.nodes(node++), column, rows);
      buffer++;
      if (!column.isTokenColumn()) {
        requireNode(batch.nodes(node++), column, (long) rows * column.width());
        buffer++;
      }
      found[i] = bodyStart + offset(batch.buffers(buffer++), bodyStart, bodyBytes, column, rows);
    }
    return found;
  }

  private void requireNode(FieldNode node, Column column, long elements) throws IOException {
    if (node.nullCount() != 0) {
      throw damaged("column '" + column.name() + "' has nulls");
    }
    if (node.length() != elements) {
      throw damaged(
          "column '%s' has %d elements where %d are expected"
              .formatted(column.name(), node.length(), elements));
    }
  }

  private long offset(Buffer buffer, long bodyStart, long bodyBytes, Column column, int rows)
      throws IOException {
    long bytes = Math.multiplyExact((long) column.bytesPerRow(), rows);
    if (buffer.length() < bytes || buffer.offset() < 0 || buffer.offset() > bodyBytes - bytes) {
      throw damaged(
          "column '"
              + column.name()
              + "' lies at "
              + buffer.offset()
              + " and is "
              + buffer.length()
              + " bytes long, but needs "
              + bytes
              + " within "
              + bodyBytes);
    }
    if ((bodyStart + buffer.offset()) % column.dtype().bytes() != 0) {
      throw damaged("column '" + column.name() + "' is not aligned to its elements");
    }
    return buffer.offset();
  }

  private void requireInside(long offset, long length, String what) throws IOException {
    if (offset < 0 || length < 0 || length > file.size() || offset > file.size() - length) {
      throw damaged(
          "its "
              + what
              + " would be "
              + length
              + " bytes at "
              + offset
              + ", outside its "
              + file.size()
              + " bytes");
    }
  }

  private IOException damaged(String what) {
    return new IOException(
        path + ": damaged or foreign shard: " + what + "; capture the store again");
  }
}

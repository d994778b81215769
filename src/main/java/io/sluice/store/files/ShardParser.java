package io.sluice.store.files;

import io.sluice.store.tables.TableFrame;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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

  /** A number of rows that nothing says. */
  private static final int UNKNOWN = -1;

  private final Path path;
  private final ShardBytes file;

  private ShardParser(Path path, ShardBytes file) {
    this.path = path;
    this.file = file;
  }

  /**
   * The record batches of a file that have rows, in order.
   *
   * @param columns the store's columns; the file may lack token columns and have others
   * @param rows what the batches have together
   * @param source what says so, for messages: the manifest, or another file
   * @throws IOException if the file is not an Arrow file, is damaged, or holds other columns or
   *     rows
   */
  public static List<ShardBlock> parse(
      Path path, ShardBytes file, List<Column> columns, int rows, String source)
      throws IOException {
    return new ShardParser(path, file)
        .guarded(parser -> parser.blocks(parser.footer(), columns, rows, source));
  }

  /**
   * What a file holds that no manifest describes.
   *
   * @param hookPoints its columns of activations
   * @param rows its rows
   * @param metadata the metadata of its schema that concern stores, by their keys
   */
  public record Contents(List<Column> hookPoints, int rows, Map<String, String> metadata) {}

  /**
   * Describes a file that no manifest describes.
   *
   * @throws IOException if it is not an Arrow file, is damaged, or has no column of activations
   */
  public static Contents describe(Path path, ShardBytes file) throws IOException {
    return new ShardParser(path, file).guarded(ShardParser::contents);
  }

  /** Reads metadata. */
  private interface Reader<T> {
    T read(ShardParser parser) throws IOException, ShardSchema.Refused;
  }

  private <T> T guarded(Reader<T> reader) throws IOException {
    try {
      return reader.read(this);
    } catch (RuntimeException e) {
      // Flatbuffer accessors follow offsets within a bounded buffer and throw when one leads out.
      throw damaged("its metadata is inconsistent");
    } catch (ShardSchema.Refused e) {
      throw damaged(e.getMessage());
    }
  }

  private Contents contents() throws IOException, ShardSchema.Refused {
    Footer footer = footer();
    requireVersion(footer.version());
    List<Column> hookPoints = ShardSchema.hookPoints(footer.schema());
    long rows = 0;
    for (ShardBlock block : blocks(footer, hookPoints, UNKNOWN, "its schema")) {
      rows += block.rows();
    }
    if (rows > Integer.MAX_VALUE) {
      throw damaged("it has " + rows + " rows, and a file may have 2^31 - 1; write several");
    }
    Map<String, String> metadata = new HashMap<>();
    for (String key : Manifest.SCHEMA_KEYS) {
      String value = ShardSchema.metadata(footer.schema(), key);
      if (value != null) {
        metadata.put(key, value);
      }
    }
    return new Contents(hookPoints, (int) rows, metadata);
  }

  private List<ShardBlock> blocks(Footer footer, List<Column> columns, int rows, String source)
      throws IOException, ShardSchema.Refused {
    requireVersion(footer.version());
    ShardSchema.Places places =
        ShardSchema.find(footer.schema(), footer.version(), columns, source);
    if (footer.dictionariesLength() != 0 && !places.sizes().hasDictionaries()) {
      throw damaged("it has dictionary batches; write plain columns");
    }
    List<ShardBlock> blocks = new ArrayList<>();
    long total = 0;
    long end = 0;
    int count = footer.recordBatchesLength();
    for (int i = 0; i < count; i++) {
      Block block = footer.recordBatches(i);
      int metadataBytes = block.metaDataLength();
      requireInside(block.offset(), metadataBytes, "record batch metadata");
      long bodyStart = Math.addExact(block.offset(), metadataBytes);
      requireInside(bodyStart, block.bodyLength(), "record batch");
      // One after the other, so that all of them together are no longer than the file.
      if (block.offset() < end) {
        throw damaged("its record batches overlap or are out of order");
      }
      end = bodyStart + block.bodyLength();
      if (metadataBytes > MOST_METADATA) {
        throw damaged("its record batch metadata would be " + metadataBytes + " bytes long");
      }
      RecordBatch batch = batch(file.read(block.offset(), metadataBytes), block.bodyLength());
      long length = batch.length();
      if (length < 0 || length > Integer.MAX_VALUE) {
        throw damaged("a record batch would have " + length + " rows");
      }
      total += length;
      if (rows != UNKNOWN && total > rows) {
        throw otherRows(total, i + 1 < count, source, rows);
      }
      long[] offsets = locate(batch, bodyStart, block.bodyLength(), columns, places);
      if (length > 0) {
        blocks.add(new ShardBlock((int) length, offsets, places.wide()));
      }
    }
    if (rows != UNKNOWN && total != rows) {
      throw otherRows(total, false, source, rows);
    }
    return blocks;
  }

  private IOException otherRows(long found, boolean more, String source, int rows) {
    return damaged(
        "it has " + found + (more ? " rows or more, " : " rows, ") + source + " says " + rows);
  }

  private Footer footer() throws IOException {
    long size = file.size();
    int magic = TableFrame.MAGIC.length;
    if (size >= MIN_BYTES && isStream()) {
      throw new IOException(
          path + ": is an Arrow stream; write it as a file, with pyarrow's ipc.new_file");
    }
    if (size < MIN_BYTES || !isMagic(0)) {
      throw new IOException(
          path + ": not an Arrow IPC file; write it with pyarrow's ipc.new_file, or capture again");
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

  private boolean isStream() throws IOException {
    return file.read(0, Integer.BYTES).getInt(0) == TableFrame.CONTINUATION;
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
          path
              + ": compressed Arrow data cannot be mapped; write it without compression (of"
              + " pyarrow's write_feather: compression='uncompressed')");
    }
    return batch;
  }

  private long[] locate(
      RecordBatch batch,
      long bodyStart,
      long bodyBytes,
      List<Column> columns,
      ShardSchema.Places places)
      throws IOException {
    FieldSizes sizes = places.sizes();
    if (batch.variadicBufferCountsLength() != sizes.variadic()) {
      throw damaged("it has buffers of variable number, which its columns do not have");
    }
    // Buffers that come before those of each column with a variable number of them.
    long[] more = new long[sizes.variadic() + 1];
    for (int i = 0; i < sizes.variadic(); i++) {
      long here = batch.variadicBufferCounts(i);
      if (here < 0 || here > batch.buffersLength()) {
        throw damaged("it has " + here + " buffers of variable number in one column");
      }
      more[i + 1] = more[i] + here;
    }
    long buffers = sizes.buffers() + more[sizes.variadic()];
    if (batch.nodesLength() != sizes.nodes() || batch.buffersLength() != buffers) {
      throw damaged(
          "it has %d nodes and %d buffers, its columns have %d and %d"
              .formatted(batch.nodesLength(), batch.buffersLength(), sizes.nodes(), buffers));
    }
    long rows = batch.length();
    long[] found = new long[columns.size()];
    for (int i = 0; i < found.length; i++) {
      Column column = columns.get(i);
      int node = places.nodes()[i];
      if (node < 0) {
        found[i] = ShardBlock.ABSENT;
        continue;
      }
      requireNode(batch.nodes(node), column, rows);
      // After the validity bitmap.
      int data = (int) (places.buffers()[i] + more[places.variadic()[i]] + 1);
      if (!column.isTokenColumn()) {
        requireNode(batch.nodes(node + 1), column, rows * column.width());
        data++;
      }
      int bytes = places.wide()[i] ? Long.BYTES : column.dtype().bytes();
      found[i] = bodyStart + offset(batch.buffers(data), bodyStart, bodyBytes, column, bytes, rows);
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

  private long offset(
      Buffer buffer, long bodyStart, long bodyBytes, Column column, int bytesPerElement, long rows)
      throws IOException {
    long bytes = Math.multiplyExact((long) column.width() * bytesPerElement, rows);
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
    if ((bodyStart + buffer.offset()) % bytesPerElement != 0) {
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
    return new IOException(path + ": damaged or foreign shard: " + what + "; write the file again");
  }
}

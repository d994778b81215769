package io.sluice.store.tables;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
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
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * The bytes of an Arrow IPC file around the buffers of its record batches, of tables and of shards.
 *
 * <p>Arrow's own {@code ArrowFileWriter} aligns buffers to 8 bytes; mapped columns are read in
 * place and need 64. The frame is therefore built here, with Arrow's schema and flatbuffer classes:
 * magic, schema message, record batch messages with their bodies, end mark, footer, magic.
 */
public final class TableFrame {
  public static final byte[] MAGIC = "ARROW1".getBytes(StandardCharsets.US_ASCII);

  /** What a message begins with; its length follows. */
  public static final int CONTINUATION = -1;

  public static final int PREFIX_BYTES = 2 * Integer.BYTES;

  /** Alignment of every buffer, in bytes. */
  public static final int ALIGNMENT = 64;

  private TableFrame() {}

  /** Where a record batch lies in the file. */
  public record BatchPlace(long offset, int metadataBytes, long bodyBytes) {}

  /** A node of a record batch. */
  public record Node(long length, long nulls) {}

  /** A buffer in the body of a record batch. */
  public record Place(long offset, long bytes) {}

  /** The next multiple of 64 from here on. */
  public static long align(long offset) {
    return (offset + ALIGNMENT - 1) & -ALIGNMENT;
  }

  static Schema schema(List<TableColumn> columns, Map<String, String> notes) {
    return new Schema(columns.stream().map(TableColumn::field).toList(), notes);
  }

  /** The beginning of a file: magic and schema, a multiple of 64 bytes. */
  public static byte[] head(Schema schema) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    int header = schema.getSchema(builder);
    byte[] message = message(builder, MessageHeader.Schema, header, 0);
    ByteBuffer bytes = encapsulated(8, message);
    bytes.put(0, MAGIC);
    return bytes.array();
  }

  /** The metadata of a record batch, a multiple of 64 bytes. */
  public static byte[] batch(long rows, List<Node> nodes, List<Place> buffers, long bodyBytes) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    RecordBatch.startNodesVector(builder, nodes.size());
    for (Node node : nodes.reversed()) { // Flatbuffers are built back to front.
      FieldNode.createFieldNode(builder, node.length(), node.nulls());
    }
    int nodesAt = builder.endVector();
    RecordBatch.startBuffersVector(builder, buffers.size());
    for (Place buffer : buffers.reversed()) {
      Buffer.createBuffer(builder, buffer.offset(), buffer.bytes());
    }
    int buffersAt = builder.endVector();
    RecordBatch.startRecordBatch(builder);
    RecordBatch.addLength(builder, rows);
    RecordBatch.addNodes(builder, nodesAt);
    RecordBatch.addBuffers(builder, buffersAt);
    int header = RecordBatch.endRecordBatch(builder);
    return encapsulated(0, message(builder, MessageHeader.RecordBatch, header, bodyBytes)).array();
  }

  /** The end of a file: end mark, footer and magic. */
  public static byte[] tail(Schema schema, List<BatchPlace> batches) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    int schemaAt = schema.getSchema(builder);
    Footer.startDictionariesVector(builder, 0);
    int dictionaries = builder.endVector();
    Footer.startRecordBatchesVector(builder, batches.size());
    for (BatchPlace batch : batches.reversed()) {
      Block.createBlock(builder, batch.offset(), batch.metadataBytes(), batch.bodyBytes());
    }
    int batchesAt = builder.endVector();
    Footer.startFooter(builder);
    Footer.addVersion(builder, MetadataVersion.V5);
    Footer.addSchema(builder, schemaAt);
    Footer.addDictionaries(builder, dictionaries);
    Footer.addRecordBatches(builder, batchesAt);
    builder.finish(Footer.endFooter(builder));
    byte[] footer = builder.sizedByteArray();
    return ByteBuffer.allocate(PREFIX_BYTES + footer.length + Integer.BYTES + MAGIC.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(CONTINUATION)
        .putInt(0)
        .put(footer)
        .putInt(footer.length)
        .put(MAGIC)
        .array();
  }

  private static byte[] message(
      FlatBufferBuilder builder, byte headerType, int header, long bodyBytes) {
    Message.startMessage(builder);
    Message.addVersion(builder, MetadataVersion.V5);
    Message.addHeaderType(builder, headerType);
    Message.addHeader(builder, header);
    Message.addBodyLength(builder, bodyBytes);
    builder.finish(Message.endMessage(builder));
    return builder.sizedByteArray();
  }

  private static ByteBuffer encapsulated(int start, byte[] message) {
    int end = (int) align(start + PREFIX_BYTES + message.length);
    return ByteBuffer.allocate(end)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(start, CONTINUATION)
        .putInt(start + Integer.BYTES, end - start - PREFIX_BYTES)
        .put(start + PREFIX_BYTES, message);
  }
}

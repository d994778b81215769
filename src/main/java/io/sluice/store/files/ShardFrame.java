package io.sluice.store.files;

import com.google.flatbuffers.FlatBufferBuilder;
import io.sluice.memory.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
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
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * The bytes of an Arrow IPC file around the body of its one record batch.
 *
 * <p>Arrow's own {@code ArrowFileWriter} aligns buffers to 8 bytes; kernels read mapped columns in
 * place and need 64. The frame is therefore built here, with Arrow's schema and flatbuffer classes:
 * magic, schema message, record batch message, (body), end mark, footer, magic.
 */
public final class ShardFrame {
  /** Key of the field metadata that names a column's element type. */
  public static final String DTYPE_KEY = "sluice.dtype";

  /** Key of the schema metadata that names the format. */
  static final String FORMAT_KEY = "sluice.format";

  public static final byte[] MAGIC = "ARROW1".getBytes(StandardCharsets.US_ASCII);
  static final int PREFIX_BYTES = 8;
  static final int CONTINUATION = -1;

  private final byte[] head;
  private final byte[] tail;

  /** The frame of a file whose body has this layout. */
  ShardFrame(ShardLayout layout) {
    Schema schema = schema(layout.columns());
    byte[] schemaMessage = schemaMessage(schema);
    byte[] batchMessage = batchMessage(layout);
    int schemaStart = PREFIX_BYTES;
    int batchStart = (int) ShardLayout.align(schemaStart + PREFIX_BYTES + schemaMessage.length);
    int bodyStart = (int) ShardLayout.align(batchStart + PREFIX_BYTES + batchMessage.length);
    ByteBuffer front = ByteBuffer.allocate(bodyStart).order(ByteOrder.LITTLE_ENDIAN);
    front.put(MAGIC);
    putMessage(front, schemaStart, batchStart, schemaMessage);
    putMessage(front, batchStart, bodyStart, batchMessage);
    this.head = front.array();
    byte[] footer = footer(schema, batchStart, bodyStart - batchStart, layout.bodyBytes());
    ByteBuffer back =
        ByteBuffer.allocate(2 * Integer.BYTES + footer.length + Integer.BYTES + MAGIC.length)
            .order(ByteOrder.LITTLE_ENDIAN);
    back.putInt(CONTINUATION).putInt(0).put(footer).putInt(footer.length).put(MAGIC);
    this.tail = back.array();
  }

  /** The bytes before the body; a multiple of 64. */
  byte[] head() {
    return head;
  }

  /** The bytes after the body. */
  byte[] tail() {
    return tail;
  }

  /** The Arrow field of a column. */
  public static Field field(Column column) {
    if (column.isTokenColumn()) {
      return new Field(column.name(), FieldType.notNullable(element(column.dtype())), null);
    }
    Field item = new Field("item", FieldType.notNullable(element(column.dtype())), null);
    return new Field(
        column.name(),
        new FieldType(
            false,
            new ArrowType.FixedSizeList(column.width()),
            null,
            Map.of(DTYPE_KEY, column.dtype().label())),
        List.of(item));
  }

  private static ArrowType element(DType dtype) {
    return switch (dtype) {
      case F32 -> new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE);
      case F16 -> new ArrowType.FloatingPoint(FloatingPointPrecision.HALF);
      case BF16 -> new ArrowType.Int(16, false); // Arrow has no bfloat16; the metadata names it.
      case I32 -> new ArrowType.Int(32, true);
      default -> throw new IllegalArgumentException("no column has dtype " + dtype.label());
    };
  }

  private static Schema schema(List<Column> columns) {
    List<Field> fields = new ArrayList<>();
    for (Column column : columns) {
      fields.add(field(column));
    }
    return new Schema(fields, Map.of(FORMAT_KEY, Manifest.FORMAT));
  }

  private static void putMessage(ByteBuffer file, int start, int end, byte[] message) {
    file.putInt(start, CONTINUATION);
    file.putInt(start + Integer.BYTES, end - start - PREFIX_BYTES);
    file.put(start + PREFIX_BYTES, message);
  }

  private static byte[] schemaMessage(Schema schema) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    return message(builder, MessageHeader.Schema, schema.getSchema(builder), 0);
  }

  private static byte[] batchMessage(ShardLayout layout) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    List<Column> columns = layout.columns();
    int lists = 0;
    for (Column column : columns) {
      lists += column.isTokenColumn() ? 0 : 1;
    }
    // Flatbuffers are built back to front. A list has two nodes (itself, its items) and three
    // buffers (two empty validity bitmaps, the data), a plain column one and two.
    RecordBatch.startNodesVector(builder, columns.size() + lists);
    for (int i = columns.size() - 1; i >= 0; i--) {
      Column column = columns.get(i);
      if (!column.isTokenColumn()) {
        FieldNode.createFieldNode(builder, (long) layout.rows() * column.width(), 0);
      }
      FieldNode.createFieldNode(builder, layout.rows(), 0);
    }
    int nodes = builder.endVector();
    RecordBatch.startBuffersVector(builder, 2 * columns.size() + lists);
    for (int i = columns.size() - 1; i >= 0; i--) {
      Buffer.createBuffer(builder, layout.offset(i), layout.bytes(i));
      Buffer.createBuffer(builder, layout.offset(i), 0);
      if (!columns.get(i).isTokenColumn()) {
        Buffer.createBuffer(builder, layout.offset(i), 0);
      }
    }
    int buffers = builder.endVector();
    RecordBatch.startRecordBatch(builder);
    RecordBatch.addLength(builder, layout.rows());
    RecordBatch.addNodes(builder, nodes);
    RecordBatch.addBuffers(builder, buffers);
    int batch = RecordBatch.endRecordBatch(builder);
    return message(builder, MessageHeader.RecordBatch, batch, layout.bodyBytes());
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

  private static byte[] footer(Schema schema, long batchStart, int metadataBytes, long bodyBytes) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    int schemaOffset = schema.getSchema(builder);
    Footer.startDictionariesVector(builder, 0);
    int dictionaries = builder.endVector();
    Footer.startRecordBatchesVector(builder, 1);
    Block.createBlock(builder, batchStart, metadataBytes, bodyBytes);
    int batches = builder.endVector();
    Footer.startFooter(builder);
    Footer.addVersion(builder, MetadataVersion.V5);
    Footer.addSchema(builder, schemaOffset);
    Footer.addDictionaries(builder, dictionaries);
    Footer.addRecordBatches(builder, batches);
    builder.finish(Footer.endFooter(builder));
    return builder.sizedByteArray();
  }
}

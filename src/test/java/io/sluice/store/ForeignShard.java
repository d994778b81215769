package io.sluice.store;

import com.google.flatbuffers.FlatBufferBuilder;
import io.sluice.memory.DType;
import io.sluice.store.files.ShardFrame;
import io.sluice.store.tables.TableFrame;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flatbuf.Block;
import org.apache.arrow.flatbuf.BodyCompression;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.DictionaryEncoding;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.FixedSizeList;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Footer;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.LargeUtf8;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;

/**
 * An Arrow IPC file with one record batch as any writer might make it: each field of Arrow's
 * metadata that has a say in what the bytes mean can be set, to sense and to nonsense.
 */
final class ForeignShard {
  short footerVersion = MetadataVersion.V5;
  short messageVersion = MetadataVersion.V5;
  short endianness = Endianness.Little;
  final List<Column> fields = new ArrayList<>();
  final List<long[]> nodes = new ArrayList<>(); // elements, nulls
  final List<long[]> buffers = new ArrayList<>(); // offset, length
  final List<long[]> blocks = new ArrayList<>(); // what is added to offset, metadata, body
  long rows;
  int compression = -1;
  int dictionaries;
  long[] variadic = {};
  long bodyDifference;
  byte header = MessageHeader.RecordBatch;
  int continuation = -1;
  int lengthDifference;
  final Map<String, String> metadata = new LinkedHashMap<>();
  byte[] body;

  /** A field of the schema. */
  static final class Column {
    String name;
    byte type;
    int width; // of a list, or bits of a number
    boolean signed;
    short precision;
    boolean nullable;
    int dictionary = -1;
    final List<Column> children = new ArrayList<>();
    final Map<String, String> metadata = new LinkedHashMap<>();

    Column(String name, byte type) {
      this.name = name;
      this.type = type;
    }

    private int write(FlatBufferBuilder b) {
      int[] inside = new int[children.size()];
      for (int i = 0; i < inside.length; i++) {
        inside[i] = children.get(i).write(b);
      }
      int childrenAt = Field.createChildrenVector(b, inside);
      int nameAt = name == null ? 0 : b.createString(name);
      int metadataAt = metadata.isEmpty() ? 0 : keyValues(b, metadata);
      int typeAt =
          switch (type) {
            case Type.FixedSizeList -> FixedSizeList.createFixedSizeList(b, width);
            case Type.FloatingPoint -> FloatingPoint.createFloatingPoint(b, precision);
            case Type.Int -> Int.createInt(b, width, signed);
            case Type.NONE -> 0;
            default -> { // A table without fields serves for all the others.
              LargeUtf8.startLargeUtf8(b);
              yield LargeUtf8.endLargeUtf8(b);
            }
          };
      int dictionaryAt =
          dictionary < 0
              ? 0
              : DictionaryEncoding.createDictionaryEncoding(
                  b, dictionary, Int.createInt(b, 32, true), false, (short) 0);
      Field.startField(b);
      if (nameAt != 0) {
        Field.addName(b, nameAt);
      }
      Field.addNullable(b, nullable);
      Field.addTypeType(b, type);
      if (typeAt != 0) {
        Field.addType(b, typeAt);
      }
      if (dictionaryAt != 0) {
        Field.addDictionary(b, dictionaryAt);
      }
      Field.addChildren(b, childrenAt);
      if (metadataAt != 0) {
        Field.addCustomMetadata(b, metadataAt);
      }
      return Field.endField(b);
    }
  }

  /** A file as another writer would make it: aligned to 8 bytes, nothing of Sluice's in it. */
  static ForeignShard plain(List<io.sluice.store.files.Column> columns, int rows, byte[][] data) {
    ForeignShard shard = new ForeignShard();
    shard.rows = rows;
    long end = 0;
    for (int i = 0; i < columns.size(); i++) {
      io.sluice.store.files.Column column = columns.get(i);
      Column field = number(column.name(), column.dtype());
      if (!column.isTokenColumn()) {
        Column list = new Column(column.name(), Type.FixedSizeList);
        list.width = column.width();
        field.name = "item";
        list.children.add(field);
        if (column.dtype() == DType.BF16) {
          list.metadata.put(ShardFrame.DTYPE_KEY, "bfloat16");
        }
        field = list;
        shard.nodes.add(new long[] {rows, 0});
        shard.buffers.add(new long[] {end, 0});
      }
      shard.fields.add(field);
      shard.nodes.add(new long[] {(long) rows * column.width(), 0});
      shard.buffers.add(new long[] {end, 0});
      shard.buffers.add(new long[] {end, data[i].length});
      end += (data[i].length + 7) / 8 * 8;
    }
    shard.body = new byte[(int) end];
    long at = 0;
    for (byte[] column : data) {
      System.arraycopy(column, 0, shard.body, (int) at, column.length);
      at += (column.length + 7) / 8 * 8;
    }
    shard.blocks.add(new long[3]);
    return shard;
  }

  private static Column number(String name, DType dtype) {
    Column field =
        new Column(name, dtype == DType.F32 || dtype == DType.F16 ? Type.FloatingPoint : Type.Int);
    field.precision = dtype == DType.F16 ? Precision.HALF : Precision.SINGLE;
    field.width = dtype == DType.BF16 ? 16 : 32;
    field.signed = dtype == DType.I32;
    return field;
  }

  /** The index of a column's data among the buffers. */
  int dataBuffer(int column) {
    int at = -1;
    for (int i = 0; i <= column; i++) {
      at += fields.get(i).children.isEmpty() ? 2 : 3;
    }
    return at;
  }

  /** Where the body begins in {@link #bytes}. */
  int bodyStart() {
    return 8 + 8 + align(batchMessage().length);
  }

  /** The file. */
  byte[] bytes() {
    byte[] message = batchMessage();
    int start = 8;
    int metadataBytes = 8 + align(message.length);
    byte[] footer = footer(start, metadataBytes);
    ByteBuffer file =
        ByteBuffer.allocate(start + metadataBytes + body.length + 8 + footer.length + 10)
            .order(ByteOrder.LITTLE_ENDIAN);
    file.put(TableFrame.MAGIC).position(start);
    file.putInt(continuation).putInt(align(message.length) + lengthDifference).put(message);
    file.position(start + metadataBytes).put(body);
    file.putInt(-1).putInt(0).put(footer).putInt(footer.length).put(TableFrame.MAGIC);
    return file.array();
  }

  private static int align(int length) {
    return (length + 7) / 8 * 8;
  }

  private static int keyValues(FlatBufferBuilder b, Map<String, String> entries) {
    int[] places = new int[entries.size()];
    int i = 0;
    for (Map.Entry<String, String> entry : entries.entrySet()) {
      int key = b.createString(entry.getKey());
      places[i++] = KeyValue.createKeyValue(b, key, b.createString(entry.getValue()));
    }
    return Field.createCustomMetadataVector(b, places);
  }

  private byte[] batchMessage() {
    FlatBufferBuilder b = new FlatBufferBuilder();
    RecordBatch.startNodesVector(b, nodes.size());
    for (long[] node : nodes.reversed()) {
      FieldNode.createFieldNode(b, node[0], node[1]);
    }
    int nodesAt = b.endVector();
    RecordBatch.startBuffersVector(b, buffers.size());
    for (long[] buffer : buffers.reversed()) {
      Buffer.createBuffer(b, buffer[0], buffer[1]);
    }
    int buffersAt = b.endVector();
    int compressionAt =
        compression < 0
            ? 0
            : BodyCompression.createBodyCompression(b, (byte) compression, (byte) 0);
    int variadicAt =
        variadic.length == 0 ? 0 : RecordBatch.createVariadicBufferCountsVector(b, variadic);
    RecordBatch.startRecordBatch(b);
    RecordBatch.addLength(b, rows);
    RecordBatch.addNodes(b, nodesAt);
    RecordBatch.addBuffers(b, buffersAt);
    if (compressionAt != 0) {
      RecordBatch.addCompression(b, compressionAt);
    }
    if (variadicAt != 0) {
      RecordBatch.addVariadicBufferCounts(b, variadicAt);
    }
    int batch = RecordBatch.endRecordBatch(b);
    Message.startMessage(b);
    Message.addVersion(b, messageVersion);
    Message.addHeaderType(b, header);
    Message.addHeader(b, batch);
    Message.addBodyLength(b, body.length + bodyDifference);
    b.finish(Message.endMessage(b));
    return b.sizedByteArray();
  }

  private byte[] footer(long start, int metadataBytes) {
    FlatBufferBuilder b = new FlatBufferBuilder();
    int[] places = new int[fields.size()];
    for (int i = 0; i < places.length; i++) {
      places[i] = fields.get(i).write(b);
    }
    int fieldsAt = Schema.createFieldsVector(b, places);
    int metadataAt = metadata.isEmpty() ? 0 : keyValues(b, metadata);
    Schema.startSchema(b);
    Schema.addEndianness(b, endianness);
    Schema.addFields(b, fieldsAt);
    if (metadataAt != 0) {
      Schema.addCustomMetadata(b, metadataAt);
    }
    int schema = Schema.endSchema(b);
    Footer.startDictionariesVector(b, dictionaries);
    for (int i = 0; i < dictionaries; i++) {
      Block.createBlock(b, start, metadataBytes, body.length);
    }
    int dictionariesAt = b.endVector();
    Footer.startRecordBatchesVector(b, blocks.size());
    for (long[] block : blocks.reversed()) {
      Block.createBlock(
          b, start + block[0], (int) (metadataBytes + block[1]), body.length + block[2]);
    }
    int blocksAt = b.endVector();
    Footer.startFooter(b);
    Footer.addVersion(b, footerVersion);
    Footer.addSchema(b, schema);
    Footer.addDictionaries(b, dictionariesAt);
    Footer.addRecordBatches(b, blocksAt);
    b.finish(Footer.endFooter(b));
    return b.sizedByteArray();
  }
}

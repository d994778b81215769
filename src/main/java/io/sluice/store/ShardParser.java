package io.sluice.store;

import io.sluice.files.Quoted;
import io.sluice.torch.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import org.apache.arrow.flatbuf.Block;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FixedSizeList;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Footer;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;

/**
 * Finds the columns in a mapped Arrow IPC file. Whatever the bytes are, the outcome is either
 * columns that lie wholly inside the file or an {@link IOException} that names it: every count,
 * offset and length is compared with the file's size before it is used.
 */
final class ShardParser {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int MIN_BYTES = 32;

  private final Path path;
  private final MemorySegment file;

  private ShardParser(Path path, MemorySegment file) {
    this.path = path;
    this.file = file;
  }

  /**
   * The memory of each of {@code columns}, in that order, as slices of {@code file}.
   *
   * @throws IOException if the file is no Arrow file, is damaged, or holds other columns or rows
   */
  static MemorySegment[] parse(Path path, MemorySegment file, List<Column> columns, int rows)
      throws IOException {
    ShardParser parser = new ShardParser(path, file);
    try {
      return parser.columns(columns, rows);
    } catch (RuntimeException e) {
      // Flatbuffer accessors follow offsets within a bounded buffer and throw when one leads out.
      throw parser.damaged("its metadata is inconsistent");
    }
  }

  private MemorySegment[] columns(List<Column> columns, int rows) throws IOException {
    Footer footer = footer();
    checkSchema(footer.schema(), columns);
    if (footer.recordBatchesLength() != 1) {
      throw damaged("it has " + footer.recordBatchesLength() + " record batches, expected 1");
    }
    Block block = footer.recordBatches(0);
    int metadataBytes = block.metaDataLength();
    MemorySegment metadata = slice(block.offset(), metadataBytes, "record batch");
    MemorySegment body =
        slice(Math.addExact(block.offset(), metadataBytes), block.bodyLength(), "record batch");
    return locate(batch(metadata), body, columns, rows);
  }

  private Footer footer() throws IOException {
    long size = file.byteSize();
    int magic = ShardFrame.MAGIC.length;
    if (size < MIN_BYTES || !isMagic(0)) {
      throw new IOException(path + ": not an Arrow IPC file; capture the store again");
    }
    if (!isMagic(size - magic)) {
      throw damaged("its end is missing");
    }
    long lengthAt = size - magic - Integer.BYTES;
    int length = file.get(INT, lengthAt);
    if (length < 8 || length > lengthAt - magic) {
      throw damaged("its footer would be " + length + " bytes long");
    }
    return Footer.getRootAsFooter(file.asSlice(lengthAt - length, length).asByteBuffer());
  }

  private boolean isMagic(long offset) {
    MemorySegment magic = MemorySegment.ofArray(ShardFrame.MAGIC);
    return file.asSlice(offset, magic.byteSize()).mismatch(magic) == -1;
  }

  private RecordBatch batch(MemorySegment metadata) throws IOException {
    int length = metadata.byteSize() < ShardFrame.PREFIX_BYTES ? -1 : metadata.get(INT, 4);
    if (length < 8 || length > metadata.byteSize() - ShardFrame.PREFIX_BYTES) {
      throw damaged("its record batch metadata would be " + length + " bytes long");
    }
    Message message =
        Message.getRootAsMessage(metadata.asSlice(ShardFrame.PREFIX_BYTES, length).asByteBuffer());
    if (message.headerType() != MessageHeader.RecordBatch) {
      throw damaged("its footer does not point at a record batch");
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

  private void checkSchema(Schema schema, List<Column> columns) throws IOException {
    if (schema == null || schema.fieldsLength() != columns.size()) {
      throw damaged(
          "it has "
              + (schema == null ? 0 : schema.fieldsLength())
              + " columns, the manifest lists "
              + columns.size());
    }
    for (int i = 0; i < columns.size(); i++) {
      Column column = columns.get(i);
      Field field = schema.fields(i);
      if (!column.name().equals(field.name())) {
        throw damaged(
            "column "
                + i
                + " is "
                + Quoted.of(String.valueOf(field.name()))
                + ", the manifest says "
                + Quoted.of(column.name()));
      }
      Field element = field;
      if (!column.isTokenColumn()) {
        if (field.typeType() != Type.FixedSizeList || field.childrenLength() != 1) {
          throw damaged("column '" + column.name() + "' is not a list of fixed size");
        }
        int width = ((FixedSizeList) field.type(new FixedSizeList())).listSize();
        if (width != column.width()) {
          throw damaged(
              "column '"
                  + column.name()
                  + "' has width "
                  + width
                  + ", the manifest says "
                  + column.width());
        }
        element = field.children(0);
      }
      if (!isElement(element, column.dtype())) {
        throw damaged(
            "column '" + column.name() + "' does not hold " + column.dtype().label() + " elements");
      }
    }
  }

  private static boolean isElement(Field field, DType dtype) {
    return switch (dtype) {
      case F32 -> isFloat(field, Precision.SINGLE);
      case F16 -> isFloat(field, Precision.HALF);
      case BF16 -> isInt(field, 16, false);
      case I32 -> isInt(field, 32, true);
      default -> false;
    };
  }

  private static boolean isFloat(Field field, short precision) {
    return field.typeType() == Type.FloatingPoint
        && ((FloatingPoint) field.type(new FloatingPoint())).precision() == precision;
  }

  private static boolean isInt(Field field, int bits, boolean signed) {
    if (field.typeType() != Type.Int) {
      return false;
    }
    Int type = (Int) field.type(new Int());
    return type.bitWidth() == bits && type.isSigned() == signed;
  }

  private MemorySegment[] locate(
      RecordBatch batch, MemorySegment body, List<Column> columns, int rows) throws IOException {
    if (batch.length() != rows) {
      throw damaged("it has " + batch.length() + " rows, the manifest says " + rows);
    }
    MemorySegment[] found = new MemorySegment[columns.size()];
    int nodeIndex = 0;
    int bufferIndex = 0;
    for (int i = 0; i < found.length; i++) {
      Column column = columns.get(i);
      int nodes = column.isTokenColumn() ? 1 : 2;
      for (int n = 0; n < nodes; n++) {
        if (batch.nodes(nodeIndex + n).nullCount() != 0) {
          throw damaged("column '" + column.name() + "' has nulls");
        }
      }
      nodeIndex += nodes;
      bufferIndex += nodes; // One validity bitmap per node stands before the data.
      Buffer buffer = batch.buffers(bufferIndex++);
      long bytes = Math.multiplyExact((long) column.bytesPerRow(), rows);
      if (buffer.length() < bytes
          || buffer.offset() < 0
          || buffer.offset() > body.byteSize() - bytes) {
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
                + body.byteSize());
      }
      MemorySegment memory = body.asSlice(buffer.offset(), bytes);
      if (memory.address() % column.dtype().bytes() != 0) {
        throw damaged("column '" + column.name() + "' is not aligned to its elements");
      }
      found[i] = memory;
    }
    return found;
  }

  private MemorySegment slice(long offset, long length, String what) throws IOException {
    if (offset < 0 || length < 0 || length > file.byteSize() || offset > file.byteSize() - length) {
      throw damaged(
          "its "
              + what
              + " would be "
              + length
              + " bytes at "
              + offset
              + ", outside its "
              + file.byteSize()
              + " bytes");
    }
    return file.asSlice(offset, length);
  }

  private IOException damaged(String what) {
    return new IOException(
        path + ": damaged or foreign shard: " + what + "; capture the store again");
  }
}

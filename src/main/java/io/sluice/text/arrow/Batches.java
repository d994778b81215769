package io.sluice.text.arrow;

import io.sluice.text.columns.Unusable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;

/**
 * The batches of an Arrow stream or file. Arrow's own library trusts the lengths in a file. Here
 * each is checked before memory is allocated or read. Errors do not name the file; inconsistent
 * descriptions may be any {@link RuntimeException}, as flatbuffer accessors follow offsets within a
 * bounded buffer and throw when one leads out.
 */
final class Batches {
  private static final int MOST_METADATA = 64 << 20;

  /** What every message begins with. */
  private static final int CONTINUATION = -1;

  private static final int PREFIX = 2 * Integer.BYTES;

  /** The first bytes of a file, as a number; two bytes of padding follow. */
  private static final long MAGIC = 0x0000_3157_4f52_5241L;

  private static final int MAGIC_BYTES = 6;

  private static final long MAGIC_MASK = (1L << 8 * MAGIC_BYTES) - 1;

  private final boolean isFile;
  private final Window data;
  private final Window validity;
  private final long end;
  private long at;
  private boolean ended;
  private RecordBatch batch;
  private long body;
  private long length;

  Batches(FileChannel channel) throws IOException {
    this.data = new Window(channel);
    this.validity = new Window(channel);
    long size = channel.size();
    this.isFile = size >= Long.BYTES && (data.number(0, Long.BYTES) & MAGIC_MASK) == MAGIC;
    this.at = isFile ? Long.BYTES : 0;
    this.end = isFile ? footer(size) : size;
  }

  /** Where the footer of a file begins. */
  private long footer(long size) throws IOException {
    long tail = size - MAGIC_BYTES - Integer.BYTES;
    if (tail < Long.BYTES
        || (data.number(size - Long.BYTES, Long.BYTES) >>> 16 & MAGIC_MASK) != MAGIC) {
      throw new IOException("its end is missing");
    }
    long length = data.number(tail, Integer.BYTES);
    if (length < 0 || length > tail - Long.BYTES) {
      throw new IOException("its footer would be " + length + " bytes long");
    }
    return tail - length;
  }

  /** What the batches hold; to be asked first. */
  Schema schema() throws IOException {
    Message message = message();
    if (message == null || message.headerType() != MessageHeader.Schema) {
      throw new IOException("it does not begin with a schema");
    }
    Schema schema = (Schema) message.header(new Schema());
    if (schema.endianness() != Endianness.Little) {
      throw new Unusable("has numbers with the highest byte first", "write it on another machine");
    }
    at = Math.addExact(at, message.bodyLength());
    return schema;
  }

  /** Moves to the next batch; false if there is none. */
  boolean next(Place place) throws IOException {
    while (!ended) {
      Message message = message();
      if (message == null) {
        ended = true;
        return false;
      }
      body = at;
      length = message.bodyLength();
      if (length < 0 || length > end - at) {
        throw new IOException("a batch ends after the file");
      }
      at += length;
      if (message.headerType() == MessageHeader.RecordBatch) {
        batch = (RecordBatch) message.header(new RecordBatch());
        check(place);
        return true;
      }
      if (message.headerType() != MessageHeader.DictionaryBatch) {
        throw new IOException("it has a message that is no batch");
      }
    }
    return false;
  }

  private void check(Place place) throws IOException {
    if (batch.compression() != null) {
      throw new Unusable(
          "has compressed batches",
          "write it again without compression (in pyarrow IpcWriteOptions(compression=None))");
    }
    if (batch.length() < 0
        || batch.nodesLength() != place.nodes()
        || !place.hasViews() && batch.buffersLength() != place.buffers()) {
      throw new IOException("a batch has other parts than its columns");
    }
  }

  /** Rows of the batch. */
  long rows() {
    return batch.length();
  }

  /**
   * Where it says which rows of a column or structure are missing.
   *
   * @param node the number of its node
   * @param buffer the number of its first buffer
   * @return -1 if there are all
   */
  long validity(int node, int buffer) throws IOException {
    return validity(node, buffer, rows());
  }

  /** The same for items of lists, of which there are {@code items}. */
  long validity(int node, int buffer, long items) throws IOException {
    FieldNode nodes = batch.nodes(node);
    if (nodes.length() != items) {
      throw new IOException("a column has other rows than its batch");
    }
    return nodes.nullCount() == 0 ? -1 : position(buffer, Math.ceilDiv(items, 8L));
  }

  /** Items of a column's lists in the batch. */
  long items(int node) throws IOException {
    long items = batch.nodes(node).length();
    if (items < 0) {
      throw new IOException("a list has a negative length");
    }
    return items;
  }

  /** Whether something is missing, by what {@link #validity} says. */
  boolean isMissing(long position, long index) throws IOException {
    return position >= 0 && (validity.oneByte(position + index / 8) >>> index % 8 & 1) == 0;
  }

  /** Bytes of a buffer. */
  long length(int buffer) {
    return batch.buffers(buffer).length();
  }

  /** Where a buffer begins in the file; it has {@code least} bytes at least. */
  long position(int number, long least) throws IOException {
    Buffer buffer = batch.buffers(number);
    if (buffer.length() < least
        || buffer.offset() < 0
        || buffer.offset() > length - buffer.length()) {
      throw new IOException("a column lies outside of its batch");
    }
    return body + buffer.offset();
  }

  /** The next message, with {@link #at} at its body; null at the end. */
  private Message message() throws IOException {
    if (isFile && at == end) {
      return null;
    }
    if (end - at < PREFIX) {
      throw new IOException("it has no mark at its end");
    }
    if (data.number(at, Integer.BYTES) != CONTINUATION) {
      throw new IOException("a message does not begin as Arrow's do since version 0.15");
    }
    long size = data.number(at + Integer.BYTES, Integer.BYTES);
    at += PREFIX;
    if (size == 0) {
      if (!isFile && at != end) {
        throw new IOException("it goes on after the mark at its end");
      }
      return null;
    }
    if (size < 8 || size > end - at || size > MOST_METADATA) {
      throw new IOException("the description of a batch would be " + size + " bytes long");
    }
    byte[] metadata = new byte[(int) size];
    data.read(at, metadata);
    at += size;
    Message message =
        Message.getRootAsMessage(ByteBuffer.wrap(metadata).order(ByteOrder.LITTLE_ENDIAN));
    if (message.version() != MetadataVersion.V4 && message.version() != MetadataVersion.V5) {
      throw new IOException("it is of another version than Arrow's V4 and V5");
    }
    return message;
  }
}

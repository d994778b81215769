package io.sluice.text.arrow;

import io.sluice.text.columns.ColumnFile;
import io.sluice.text.columns.ColumnRows;
import io.sluice.text.columns.Unusable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;

/**
 * Reads one column of texts of an Arrow stream or file, row by row, in memory for one row and some
 * windows of the file, however long its batches are:
 *
 * <pre>{@code
 * ArrowReader rows = ArrowReader.open(file, channel, "text");
 * while (rows.next()) {
 *   if (!rows.isMissing()) { … rows.bytes() … }
 * }
 * }</pre>
 *
 * <p>Arrow's own library trusts the lengths in a file. Here each is checked before memory is
 * allocated or read.
 */
public final class ArrowReader implements ColumnRows {
  private static final String KIND = "an Arrow file";

  /** The longest text in bytes, far above the documents of large data sets. */
  private static final int LONGEST = 1 << 28;

  private static final int MOST_METADATA = 64 << 20;

  /** What every message begins with. */
  private static final int CONTINUATION = -1;

  private static final int PREFIX = 2 * Integer.BYTES;

  /** The first bytes of a file, as a number; two bytes of padding follow. */
  private static final long MAGIC = 0x0000_3157_4f52_5241L;

  private static final int MAGIC_BYTES = 6;

  private static final long MAGIC_MASK = (1L << 8 * MAGIC_BYTES) - 1;

  private final Path file;
  private final boolean isFile;
  private final Window validity;
  private final Window offsets;
  private final Window data;
  private final long end;
  private long at;
  private boolean ended;
  private Place place;
  private Part part;
  private Part[] parents;
  private long offsetsAt;
  private long dataAt;
  private long dataLength;
  private long rows;
  private long row;
  private long from;
  private boolean isMissing;
  private boolean isTooLong;
  private byte[] bytes;

  /**
   * What says which rows of a column or structure are missing.
   *
   * @param validity the position of a bit for each row; -1 if there are all
   */
  private record Part(long validity) {}

  private ArrowReader(Path file, FileChannel channel) throws IOException {
    this.file = file;
    this.validity = new Window(channel);
    this.offsets = new Window(channel);
    this.data = new Window(channel);
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

  /**
   * Reads the schema.
   *
   * @param file the file's name for messages
   * @param channel the file, which the caller closes
   * @param column the column's name; of a structure's field {@code structure.field}
   * @throws IOException if it is damaged, or has no such column of texts; one line that names the
   *     file
   */
  public static ArrowReader open(Path file, FileChannel channel, String column) throws IOException {
    try {
      ArrowReader reader = new ArrowReader(file, channel);
      Message message = reader.message();
      if (message == null || message.headerType() != MessageHeader.Schema) {
        throw new IOException("it does not begin with a schema");
      }
      Schema schema = (Schema) message.header(new Schema());
      if (schema.endianness() != Endianness.Little) {
        throw new Unusable(
            "has numbers with the highest byte first", "write it on another machine");
      }
      reader.place = Place.of(schema, column);
      reader.at = Math.addExact(reader.at, message.bodyLength());
      return reader;
    } catch (IOException e) {
      throw ColumnFile.fault(file, KIND, e);
    } catch (RuntimeException e) {
      throw inconsistent(file, e);
    }
  }

  @Override
  public boolean next() throws IOException {
    try {
      while (row == rows) {
        if (!nextBatch()) {
          return false;
        }
      }
      isMissing = isMissing(part);
      for (Part parent : parents) {
        isMissing |= isMissing(parent);
      }
      row++;
      long to = offset(row);
      if (to < from || to > dataLength) {
        throw new IOException("a text ends outside of its batch");
      }
      isTooLong = !isMissing && to - from > LONGEST;
      bytes = isMissing || isTooLong ? null : new byte[(int) (to - from)];
      if (bytes != null) {
        data.read(dataAt + from, bytes);
      }
      from = to;
      return true;
    } catch (IOException e) {
      throw ColumnFile.fault(file, KIND, e);
    } catch (RuntimeException e) {
      // Flatbuffer accessors follow offsets within a bounded buffer and throw when one leads out.
      throw inconsistent(file, e);
    }
  }

  @Override
  public boolean isMissing() {
    return isMissing;
  }

  @Override
  public boolean isTooLong() {
    return isTooLong;
  }

  @Override
  public byte[] bytes() {
    return bytes;
  }

  @Override
  public int from() {
    return 0;
  }

  @Override
  public int to() {
    return bytes.length;
  }

  private boolean isMissing(Part of) throws IOException {
    return of.validity >= 0 && (validity.oneByte(of.validity + row / 8) >>> row % 8 & 1) == 0;
  }

  private long offset(long index) throws IOException {
    int width = place.wide() ? Long.BYTES : Integer.BYTES;
    return offsets.number(offsetsAt + index * width, width);
  }

  private boolean nextBatch() throws IOException {
    while (!ended) {
      Message message = message();
      if (message == null) {
        ended = true;
        return false;
      }
      long body = at;
      if (message.bodyLength() < 0 || message.bodyLength() > end - at) {
        throw new IOException("a batch ends after the file");
      }
      at += message.bodyLength();
      if (message.headerType() == MessageHeader.RecordBatch) {
        begin((RecordBatch) message.header(new RecordBatch()), body, message.bodyLength());
        return true;
      }
      if (message.headerType() != MessageHeader.DictionaryBatch) {
        throw new IOException("it has a message that is no batch");
      }
    }
    return false;
  }

  private void begin(RecordBatch batch, long body, long length) throws IOException {
    if (batch.compression() != null) {
      throw new Unusable(
          "has compressed batches",
          "write it again without compression (in pyarrow IpcWriteOptions(compression=None))");
    }
    rows = batch.length();
    row = 0;
    from = 0;
    if (rows < 0
        || batch.nodesLength() != place.nodes()
        || !place.hasViews() && batch.buffersLength() != place.buffers()) {
      throw new IOException("a batch has other parts than its columns");
    }
    parents = new Part[place.parents().size()];
    for (int i = 0; i < parents.length; i++) {
      int[] parent = place.parents().get(i);
      parents[i] = part(batch, parent[0], parent[1], body, length);
    }
    part = part(batch, place.node(), place.buffer(), body, length);
    int width = place.wide() ? Long.BYTES : Integer.BYTES;
    Buffer ends = batch.buffers(place.buffer() + 1);
    // A column without rows may have no offsets at all.
    long least = rows == 0 ? 0 : Math.multiplyExact(rows + 1, (long) width);
    offsetsAt = position(ends, body, length, least);
    Buffer texts = batch.buffers(place.buffer() + 2);
    dataAt = position(texts, body, length, 0);
    dataLength = texts.length();
    from = rows == 0 ? 0 : offset(0);
    if (from < 0 || from > dataLength) {
      throw new IOException("a text begins outside of its batch");
    }
  }

  private Part part(RecordBatch batch, int node, int buffer, long body, long length)
      throws IOException {
    FieldNode nodes = batch.nodes(node);
    if (nodes.length() != rows) {
      throw new IOException("a column has other rows than its batch");
    }
    return nodes.nullCount() == 0
        ? new Part(-1)
        : new Part(position(batch.buffers(buffer), body, length, Math.ceilDiv(rows, 8L)));
  }

  /** Where a buffer begins in the file. */
  private static long position(Buffer buffer, long body, long length, long least)
      throws IOException {
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
    long length = data.number(at + Integer.BYTES, Integer.BYTES);
    at += PREFIX;
    if (length == 0) {
      if (!isFile && at != end) {
        throw new IOException("it goes on after the mark at its end");
      }
      return null;
    }
    if (length < 8 || length > end - at || length > MOST_METADATA) {
      throw new IOException("the description of a batch would be " + length + " bytes long");
    }
    byte[] metadata = new byte[(int) length];
    data.read(at, metadata);
    at += length;
    Message message =
        Message.getRootAsMessage(ByteBuffer.wrap(metadata).order(ByteOrder.LITTLE_ENDIAN));
    if (message.version() != MetadataVersion.V4 && message.version() != MetadataVersion.V5) {
      throw new IOException("it is of another version than Arrow's V4 and V5");
    }
    return message;
  }

  private static IOException inconsistent(Path file, RuntimeException e) {
    return ColumnFile.fault(file, KIND, new IOException("its descriptions are inconsistent", e));
  }
}

package io.sluice.weights;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.sluice.files.AtomicFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes a safetensors file piece by piece, for tensors that do not fit in memory together. The
 * shapes are given first, then each tensor's values in any number of pieces and any order of
 * tensors. The target appears with {@link #commit()}; closing without it deletes the temporary
 * file.
 */
public final class SafetensorsWriter implements AutoCloseable {
  private static final long PIECE = 64L << 20;
  private static final long HEAP_PIECE = 1L << 20;

  private final Path path;
  private final AtomicFile file;
  private final Map<String, Region> regions = new HashMap<>();

  private static final class Region {
    final TensorInfo info;
    final long end;
    long next;

    Region(TensorInfo info, long begin) {
      this.info = info;
      this.next = begin;
      this.end = begin + info.byteSize();
    }
  }

  private SafetensorsWriter(Path path, AtomicFile file) {
    this.path = path;
    this.file = file;
  }

  /**
   * Begins a file.
   *
   * @param path the file to make or replace; its folder must exist
   * @param tensors all tensors that will be written; they are laid out with larger elements first,
   *     so that all are aligned
   * @param metadata text entries for the header's {@code __metadata__}; may be empty
   * @throws IllegalArgumentException if two tensors share a name, or one is named {@code
   *     __metadata__}
   * @throws IOException if the file cannot be created
   * @throws IllegalStateException if this process is writing the same file already
   */
  public static SafetensorsWriter create(
      Path path, List<TensorInfo> tensors, Map<String, String> metadata) throws IOException {
    List<TensorInfo> laidOut = new ArrayList<>(tensors);
    laidOut.sort(Comparator.comparingInt(tensor -> -tensor.dtype().bytes()));
    byte[] header = header(laidOut, metadata);
    SafetensorsWriter writer = new SafetensorsWriter(path, AtomicFile.open(path));
    try {
      long begin = header.length;
      for (TensorInfo tensor : laidOut) {
        Region region = new Region(tensor, begin);
        writer.regions.put(tensor.name(), region);
        begin = region.end;
      }
      writer.write(MemorySegment.ofArray(header), 0);
      return writer;
    } catch (IOException | RuntimeException e) {
      writer.close();
      throw e;
    }
  }

  /**
   * Writes the next bytes of a tensor.
   *
   * @param name one of the names given at the start
   * @param piece bytes that follow those already written for this tensor; only read, and only until
   *     this returns
   * @throws IllegalArgumentException if the name is unknown, or the tensor would get more bytes
   *     than its shape has
   * @throws IllegalStateException if the file is already committed or closed
   */
  public void append(String name, MemorySegment piece) throws IOException {
    Region region = regions.get(name);
    if (region == null) {
      throw new IllegalArgumentException(path + " was not opened with a tensor '" + name + "'");
    }
    if (piece.byteSize() > region.end - region.next) {
      throw new IllegalArgumentException(
          "tensor "
              + region.info
              + " has room for "
              + (region.end - region.next)
              + " more bytes, but "
              + piece.byteSize()
              + " were given");
    }
    checkOpen();
    write(piece, region.next);
    region.next += piece.byteSize();
  }

  /**
   * Flushes to disk and renames the file to its target.
   *
   * @throws IllegalStateException if a tensor is not yet complete, or the file is already committed
   *     or closed
   */
  public void commit() throws IOException {
    checkOpen();
    for (Region region : regions.values()) {
      if (region.next != region.end) {
        throw new IllegalStateException(
            "tensor " + region.info + " still lacks " + (region.end - region.next) + " bytes");
      }
    }
    file.commit();
  }

  /** Closes the file and deletes it if it is not committed. */
  @Override
  public void close() throws IOException {
    file.close();
  }

  private void checkOpen() {
    if (!file.isOpen()) {
      throw new IllegalStateException(path + " is already committed or closed");
    }
  }

  private void write(MemorySegment data, long position) throws IOException {
    long done = 0;
    while (done < data.byteSize()) {
      long length = Math.min(data.isNative() ? PIECE : HEAP_PIECE, data.byteSize() - done);
      MemorySegment piece = data.asSlice(done, length);
      // Channels take native memory directly; of heap memory only byte[] can be a buffer, so other
      // pieces are copied to native memory first, as the channel would do anyway.
      try (Arena arena = Arena.ofConfined()) {
        ByteBuffer buffer =
            (data.isNative() ? piece : arena.allocate(length).copyFrom(piece)).asByteBuffer();
        file.write(buffer, position + done);
      }
      done += length;
    }
  }

  private static byte[] header(List<TensorInfo> tensors, Map<String, String> metadata)
      throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(new byte[SafetensorsHeader.PREFIX]);
    Map<String, TensorInfo> seen = new HashMap<>();
    try (JsonGenerator json = new JsonFactory().createGenerator(bytes)) {
      json.writeStartObject();
      if (!metadata.isEmpty()) {
        json.writeObjectFieldStart(SafetensorsHeader.METADATA);
        for (Map.Entry<String, String> entry : metadata.entrySet()) {
          json.writeStringField(entry.getKey(), entry.getValue());
        }
        json.writeEndObject();
      }
      long begin = 0;
      for (TensorInfo tensor : tensors) {
        if (seen.put(tensor.name(), tensor) != null
            || tensor.name().equals(SafetensorsHeader.METADATA)) {
          throw new IllegalArgumentException("tensor name '" + tensor.name() + "' is taken");
        }
        json.writeObjectFieldStart(tensor.name());
        json.writeStringField("dtype", tensor.dtype().name());
        json.writeFieldName("shape");
        json.writeArray(tensor.shape(), 0, tensor.shape().length);
        json.writeFieldName("data_offsets");
        json.writeArray(new long[] {begin, begin + tensor.byteSize()}, 0, 2);
        json.writeEndObject();
        begin = Math.addExact(begin, tensor.byteSize());
      }
      json.writeEndObject();
    }
    // The format pads the header with spaces to align the values.
    while (bytes.size() % Long.BYTES != 0) {
      bytes.write(' ');
    }
    byte[] header = bytes.toByteArray();
    int length = header.length - SafetensorsHeader.PREFIX;
    if (length > SafetensorsHeader.MAX_LENGTH) {
      throw new IllegalArgumentException(
          "a header of "
              + length
              + " bytes; at most "
              + SafetensorsHeader.MAX_LENGTH
              + " are allowed");
    }
    ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
    return header;
  }
}

package io.sluice.weights;

import io.sluice.files.Quoted;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A safetensors file, memory-mapped. The format is 8 bytes of header length (little-endian), a JSON
 * header, and the values.
 *
 * <p>Opening validates everything: the header's length, UTF-8 and JSON, duplicate names, element
 * types, shapes against byte ranges, ranges against the file, no overlaps, no gaps. A file that
 * another process truncates later is not detected.
 */
public final class Safetensors implements TensorSource {
  private final Path path;
  private final SafetensorsHeader header;
  private final MemorySegment values;
  private final Map<String, MemorySegment> copies = new ConcurrentHashMap<>();

  private Safetensors(Path path, SafetensorsHeader header, MemorySegment values) {
    this.path = path;
    this.header = header;
    this.values = values;
  }

  /**
   * Maps and validates a file.
   *
   * @throws IOException if the file is missing, is not a valid safetensors file, or has a tensor of
   *     an element type that Sluice does not read; the message names the file and what is wrong
   */
  public static Safetensors open(Path path) throws IOException {
    Safetensors file = openReadable(path);
    for (String name : file.header.unreadable().keySet()) {
      throw file.header.isUnreadable(path, name);
    }
    return file;
  }

  /**
   * As {@link #open}, but tensors of an element type that Sluice does not read are left out, see
   * {@link #unreadable}.
   */
  static Safetensors openReadable(Path path) throws IOException {
    MemorySegment file = MappedFile.map(path).asReadOnly();
    SafetensorsHeader header = SafetensorsHeader.parse(path, file);
    return new Safetensors(path, header, file.asSlice(header.valuesOffset()));
  }

  /**
   * Writes a file, atomically: under a temporary name, flushed to disk, then renamed. Values are
   * streamed from their segments without a copy; tensors of larger elements come first, so that all
   * are aligned.
   *
   * @param path the file to create or replace
   * @param tensors what to write
   * @param metadata text entries for the header's {@code __metadata__}; may be empty
   * @throws IllegalArgumentException if two tensors share a name
   * @throws IOException if writing fails; a previous file at {@code path} is then unchanged
   */
  public static void write(Path path, List<TensorData> tensors, Map<String, String> metadata)
      throws IOException {
    writePieces(path, tensors.stream().map(TensorPieces::of).toList(), metadata);
  }

  /** As {@link #write}, for tensors that are made while they are written. */
  public static void writePieces(
      Path path, List<TensorPieces> tensors, Map<String, String> metadata) throws IOException {
    List<TensorInfo> infos = tensors.stream().map(TensorPieces::info).toList();
    try (SafetensorsWriter writer = SafetensorsWriter.create(path, infos, metadata)) {
      for (TensorPieces tensor : tensors) {
        tensor.values().writeTo(piece -> writer.append(tensor.info().name(), piece));
      }
      writer.commit();
    }
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(header.tensors().keySet());
  }

  @Override
  public String unreadable(String name) {
    return header.unreadable().get(name);
  }

  @Override
  public TensorInfo info(String name) {
    return placed(name).info();
  }

  @Override
  public MemorySegment data(String name) {
    SafetensorsHeader.Placed placed = placed(name);
    MemorySegment slice = values.asSlice(placed.begin(), placed.info().byteSize());
    if (slice.address() % placed.info().dtype().bytes() == 0) {
      return slice;
    }
    return copies.computeIfAbsent(name, n -> MappedFile.aligned(slice, placed.info().dtype()));
  }

  /** The header's {@code __metadata__}, empty if it has none. */
  public Map<String, String> metadata() {
    return header.metadata();
  }

  private SafetensorsHeader.Placed placed(String name) {
    SafetensorsHeader.Placed placed = header.tensors().get(name);
    if (placed == null) {
      throw new IllegalArgumentException(
          path + " has no tensor " + Quoted.of(name) + " among its " + names().size());
    }
    return placed;
  }
}

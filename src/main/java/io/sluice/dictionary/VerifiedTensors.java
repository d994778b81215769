package io.sluice.dictionary;

import io.sluice.memory.MappedPages;
import io.sluice.weights.Safetensors;
import io.sluice.weights.SafetensorsWriter;
import io.sluice.weights.TensorData;
import io.sluice.weights.TensorInfo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/**
 * Safetensors files whose metadata carries a CRC-32C of each tensor and of the metadata itself, so
 * that a flipped bit is detected when the file is opened. Any safetensors reader can read them.
 */
public final class VerifiedTensors {
  private static final String PREFIX = "crc32c.";
  private static final String OF_METADATA = "crc32c";
  private static final long PIECE = 16L << 20;

  private VerifiedTensors() {}

  /**
   * Writes a file atomically.
   *
   * @param tensors the tensors; read twice, once for the checksums
   * @param metadata the caller's text entries
   * @throws IOException if writing fails; a previous file at {@code path} is then unchanged
   */
  public static void write(Path path, List<TensorData> tensors, Map<String, String> metadata)
      throws IOException {
    write(
        path,
        tensors.stream().map(TensorData::info).toList(),
        metadata,
        target -> {
          for (TensorData tensor : tensors) {
            target.append(tensor.info().name(), tensor.data());
          }
        });
  }

  /** Makes the values of all tensors of a file, in pieces of any size. */
  @FunctionalInterface
  public interface Values {
    /** Passes on all values; called twice, and gives the same both times. */
    void writeTo(Target target) throws IOException;
  }

  /** Takes the values of tensors. */
  @FunctionalInterface
  public interface Target {
    /** Takes the next values of a tensor; only read, and only until this returns. */
    void append(String name, MemorySegment piece) throws IOException;
  }

  /**
   * Writes a file atomically whose values are not in memory together.
   *
   * @param tensors names, types and shapes of all tensors
   * @param metadata the caller's text entries
   * @param values made twice, once for the checksums
   * @throws IOException if writing fails; a previous file at {@code path} is then unchanged
   */
  public static void write(
      Path path, List<TensorInfo> tensors, Map<String, String> metadata, Values values)
      throws IOException {
    Map<String, CRC32C> sums = new HashMap<>();
    tensors.forEach(tensor -> sums.put(tensor.name(), new CRC32C()));
    values.writeTo((name, piece) -> add(sums.get(name), piece));
    Map<String, String> all = new TreeMap<>(metadata);
    sums.forEach((name, sum) -> all.put(PREFIX + name, Long.toHexString(sum.getValue())));
    all.put(OF_METADATA, checksum(all));
    try (SafetensorsWriter writer = SafetensorsWriter.create(path, tensors, all)) {
      values.writeTo(writer::append);
      writer.commit();
    }
  }

  /**
   * Opens a file and verifies its checksums; a file without checksums is opened unchecked.
   *
   * @throws IOException if the file is not a valid safetensors file or a checksum disagrees; the
   *     message names the file and the tensor
   */
  public static Safetensors open(Path path) throws IOException {
    Safetensors file = Safetensors.open(path);
    Map<String, String> metadata = new HashMap<>(file.metadata());
    String expected = metadata.remove(OF_METADATA);
    boolean promised =
        expected != null || metadata.keySet().stream().anyMatch(key -> key.startsWith(PREFIX));
    if (!promised) {
      return file;
    }
    if (!checksum(metadata).equals(expected)) {
      throw new IOException(
          path + ": damaged: the checksum of its metadata disagrees; restore it or write it again");
    }
    for (String name : file.names()) {
      String sum = metadata.get(PREFIX + name);
      if (!checksum(file.data(name)).equals(sum)) {
        throw new IOException(
            path
                + ": damaged: the checksum of tensor '"
                + name
                + "' disagrees; restore it or write it again");
      }
    }
    return file;
  }

  private static String checksum(MemorySegment data) {
    CRC32C crc = new CRC32C();
    add(crc, data);
    return Long.toHexString(crc.getValue());
  }

  private static void add(CRC32C sum, MemorySegment data) {
    for (long done = 0; done < data.byteSize(); done += PIECE) {
      MemorySegment piece = data.asSlice(done, Math.min(PIECE, data.byteSize() - done));
      sum.update(piece.asByteBuffer());
      MappedPages.release(piece);
    }
  }

  private static String checksum(Map<String, String> metadata) {
    CRC32C crc = new CRC32C();
    new TreeMap<>(metadata)
        .forEach(
            (key, value) -> {
              // The lengths distinguish ("ab", "c") from ("a", "bc").
              String entry = key.length() + ":" + key + value.length() + ":" + value;
              crc.update(entry.getBytes(StandardCharsets.UTF_8));
            });
    return Long.toHexString(crc.getValue());
  }
}

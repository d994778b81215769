package io.sluice.dictionary;

import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
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
  private static final long PIECE = 64L << 20;

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
    Map<String, String> all = new TreeMap<>(metadata);
    for (TensorData tensor : tensors) {
      all.put(PREFIX + tensor.info().name(), checksum(tensor.data()));
    }
    all.put(OF_METADATA, checksum(all));
    Safetensors.write(path, tensors, all);
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
    for (long done = 0; done < data.byteSize(); done += PIECE) {
      crc.update(data.asSlice(done, Math.min(PIECE, data.byteSize() - done)).asByteBuffer());
    }
    return Long.toHexString(crc.getValue());
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

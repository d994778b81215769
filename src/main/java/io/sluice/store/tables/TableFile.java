package io.sluice.store.tables;

import io.sluice.files.RegularFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;

/**
 * A table's file as a manifest lists it.
 *
 * @param rows its rows
 * @param bytes its length
 * @param sha256 the SHA-256 of all its bytes, in hexadecimal digits; empty if no writer computed it
 */
public record TableFile(long rows, long bytes, String sha256) {
  private static final int CHUNK_BYTES = 1 << 18;

  /**
   * Reads a file once and compares it with its checksum, if it has one.
   *
   * @param remedy what to do about a changed file, as the end of a sentence
   * @throws IOException if it differs or cannot be read
   */
  public void verify(Path file, String remedy) throws IOException {
    if (sha256.isEmpty()) {
      return;
    }
    MessageDigest checksum = TableWriter.sha256();
    ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);
    try (FileChannel channel = RegularFile.open(file)) {
      while (channel.read(chunk.clear()) >= 0) {
        checksum.update(chunk.flip());
      }
    }
    String found = HexFormat.of().formatHex(checksum.digest());
    if (!found.equals(sha256)) {
      throw new IOException(
          "%s: its SHA-256 is %s, the manifest says %s: it changed since it was written; %s"
              .formatted(file, found, sha256, remedy));
    }
  }
}

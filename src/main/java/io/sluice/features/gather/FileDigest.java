package io.sluice.features.gather;

import io.sluice.files.RegularFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** The SHA-256 by which a folder of features names the weights that it was gathered with. */
public final class FileDigest {
  private static final int CHUNK_BYTES = 1 << 20;

  private FileDigest() {}

  /**
   * Of some files one after the other, in hexadecimal.
   *
   * @throws IOException if one cannot be read
   */
  public static String sha256(List<Path> files) throws IOException {
    MessageDigest digest = digest();
    ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);
    for (Path file : files) {
      try (FileChannel channel = RegularFile.open(file)) {
        while (channel.read(chunk.clear()) >= 0) {
          digest.update(chunk.flip());
        }
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // Every Java platform has it.
    }
  }
}

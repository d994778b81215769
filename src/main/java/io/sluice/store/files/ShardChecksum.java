package io.sluice.store.files;

import io.sluice.files.RegularFile;
import io.sluice.store.tables.TableFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32C;

/** Compares the files of a store with the checksums that the manifest has of them. */
public final class ShardChecksum {
  private static final int CHUNK_BYTES = 1 << 20;

  private ShardChecksum() {}

  /**
   * Reads every shard that has a checksum and every file of texts once.
   *
   * @throws IOException if a byte differs; the message names the file
   */
  public static void verify(Path folder, Manifest manifest) throws IOException {
    verifyTexts(folder, manifest);
    ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
    for (Manifest.Shard entry : manifest.shards()) {
      verify(folder, entry, chunk);
    }
  }

  /**
   * Reads every file of texts once.
   *
   * @throws IOException if a byte differs; the message names the file
   */
  public static void verifyTexts(Path folder, Manifest manifest) throws IOException {
    for (Map.Entry<String, TableFile> table : manifest.tables().entrySet()) {
      table.getValue().verify(folder.resolve(table.getKey()), "restore it or capture again");
    }
  }

  /**
   * Reads one shard once, if it has a checksum.
   *
   * @throws IOException if a byte differs; the message names the file
   */
  public static void verify(Path folder, Manifest.Shard entry) throws IOException {
    verify(folder, entry, ByteBuffer.allocateDirect(CHUNK_BYTES));
  }

  // Copied even if files are mapped: that is as fast, and safe if a file is truncated.
  private static void verify(Path folder, Manifest.Shard entry, ByteBuffer chunk)
      throws IOException {
    if (entry.crc32c() == null) {
      return;
    }
    Path path = folder.resolve(entry.file());
    CRC32C checksum = new CRC32C();
    try (FileChannel channel = RegularFile.open(path)) {
      while (channel.read(chunk.clear()) >= 0) {
        checksum.update(chunk.flip());
      }
    }
    if ((int) checksum.getValue() != entry.crc32c()) {
      throw new IOException(
          path
              + ": checksum is "
              + String.format(Locale.ROOT, "%08x", (int) checksum.getValue())
              + ", the manifest says "
              + String.format(Locale.ROOT, "%08x", entry.crc32c())
              + "; the file changed since it was written: restore it or capture again");
    }
  }
}

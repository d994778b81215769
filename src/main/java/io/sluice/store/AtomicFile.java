package io.sluice.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** Files that appear whole or not at all, whenever the process or the machine stops. */
final class AtomicFile {
  /** What names of unfinished files end in. */
  static final String SUFFIX = ".tmp";

  /** Writes the content of a file from its start. */
  interface Content<T> {
    T writeTo(FileChannel channel) throws IOException;
  }

  private AtomicFile() {}

  /**
   * Writes to a temporary name beside {@code target}, forces the bytes to the disk, renames, and
   * forces the folder's entry too. On failure the temporary file is removed and {@code target} is
   * what it was.
   */
  static <T> T write(Path target, Content<T> content) throws IOException {
    Path temporary = target.resolveSibling(target.getFileName() + SUFFIX);
    T result;
    try {
      try (FileChannel channel =
          FileChannel.open(
              temporary,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE)) {
        result = content.writeTo(channel);
        channel.force(true);
      }
      Files.move(
          temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException | RuntimeException failure) {
      try {
        Files.deleteIfExists(temporary);
      } catch (IOException ignored) {
        failure.addSuppressed(ignored);
      }
      throw failure;
    }
    forceFolder(target.toAbsolutePath().getParent());
    return result;
  }

  private static void forceFolder(Path folder) throws IOException {
    FileChannel channel;
    try {
      channel = FileChannel.open(folder, StandardOpenOption.READ);
    } catch (IOException notOnThisSystem) {
      return; // Windows opens no folders; its file systems order the rename themselves.
    }
    try (channel) {
      channel.force(true);
    }
  }
}

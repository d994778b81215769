package io.sluice.torch;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.net.URLConnection;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;

/**
 * Files of the class path that are unpacked in a folder. A start checks their sizes and
 * modification times. A file modified after unpacking is read completely and must have the checksum
 * of the file on the class path.
 *
 * <p>The folder is filled under another name and renamed, so that processes that start at the same
 * time never see a partial folder; the process that loses the race uses the winner's. The next
 * start removes what a killed process left: a folder that is being filled holds a lock.
 */
final class UnpackedFiles {
  private static final String FILLING = "unpacking-";
  private static final String DAMAGED = "damaged-";

  /** Held while a folder is being filled. */
  private static final String LOCK = "lock";

  /** Names, modification times and checksums of the unpacked files. */
  private static final String RECORD = "unpacked.txt";

  /** A folder without a lock is just created, complete, or of an earlier version. */
  private static final Duration LONGEST_WITHOUT_LOCK = Duration.ofMinutes(10);

  private static final int BUFFER = 1 << 16;

  private final Path folder;
  private final Map<String, URL> files;

  /**
   * @param folder the target folder
   * @param files names in the folder, with their resources on the class path
   */
  UnpackedFiles(Path folder, Map<String, URL> files) {
    this.folder = folder;
    this.files = files;
  }

  /**
   * Unpacks the files if they are missing or incomplete.
   *
   * @throws IOException if they cannot be written
   */
  void provide() throws IOException {
    Path cache = folder.toAbsolutePath().getParent();
    removeLeftovers(cache);
    if (!areWhole()) {
      fill(cache);
    }
  }

  private void fill(Path cache) throws IOException {
    Files.createDirectories(cache);
    Path temporary = Files.createTempDirectory(cache, FILLING);
    try {
      try (FileChannel channel =
              FileChannel.open(
                  temporary.resolve(LOCK),
                  StandardOpenOption.CREATE_NEW,
                  StandardOpenOption.WRITE);
          FileLock lock = lock(channel)) {
        List<String> record = new ArrayList<>();
        for (Map.Entry<String, URL> file : files.entrySet()) {
          record.add(unpack(file.getValue(), temporary.resolve(file.getKey())));
        }
        Files.write(temporary.resolve(RECORD), record);
      }
      Files.delete(temporary.resolve(LOCK));
      if (Files.exists(folder) && !areWhole()) {
        // Modified, or incomplete after a full disk; moved away, since a running process may use
        // it.
        Path damaged = Files.createTempDirectory(cache, DAMAGED);
        Files.move(folder, damaged, StandardCopyOption.ATOMIC_MOVE);
        delete(damaged);
      }
      try {
        Files.move(temporary, folder, StandardCopyOption.ATOMIC_MOVE);
      } catch (FileSystemException e) {
        if (!areWhole()) {
          throw e;
        }
      }
    } finally {
      delete(temporary);
    }
  }

  /** Copies a file, checks its contents, flushes it to the disk, and returns its description. */
  private static String unpack(URL from, Path to) throws IOException {
    CRC32 checksum = new CRC32();
    try (InputStream in = new CheckedInputStream(from.openStream(), checksum);
        OutputStream out = Files.newOutputStream(to, StandardOpenOption.CREATE_NEW)) {
      in.transferTo(out);
    }
    try (FileChannel channel = FileChannel.open(to, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
    long expected = entry(from).checksum();
    if (expected >= 0 && checksum.getValue() != expected) {
      throw new IOException("the jar that holds " + to.getFileName() + " is damaged");
    }
    return line(to, checksum.getValue());
  }

  private static String line(Path file, long checksum) throws IOException {
    FileTime written = Files.getLastModifiedTime(file);
    return file.getFileName() + " " + written.to(TimeUnit.NANOSECONDS) + " " + checksum;
  }

  /** Whether every file exists and equals the one on the class path. */
  boolean areWhole() throws IOException {
    List<String> record = record();
    List<String> renewed = new ArrayList<>();
    for (Map.Entry<String, URL> file : files.entrySet()) {
      Path path = folder.resolve(file.getKey());
      Entry entry = entry(file.getValue());
      if (!Files.isRegularFile(path) || Files.size(path) != entry.size()) {
        return false;
      }
      String known = entry.checksum() < 0 ? null : line(path, entry.checksum());
      if (known != null && !record.contains(known)) {
        if (checksum(path) != entry.checksum()) {
          return false;
        }
        renewed.add(known);
      }
    }
    if (!renewed.isEmpty()) {
      remember(renewed, record);
    }
    return true;
  }

  private List<String> record() throws IOException {
    try {
      return Files.readAllLines(folder.resolve(RECORD));
    } catch (NoSuchFileException | CharacterCodingException e) {
      return List.of();
    }
  }

  private void remember(List<String> lines, List<String> before) {
    List<String> all = new ArrayList<>(before);
    all.removeIf(old -> lines.stream().anyMatch(one -> name(one).equals(name(old))));
    all.addAll(lines);
    try {
      Path next = Files.createTempFile(folder, RECORD, ".tmp");
      Files.write(next, all);
      Files.move(next, folder.resolve(RECORD), StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      // A read-only folder can be used too; its files are read again at the next start.
      return;
    }
  }

  private static String name(String line) {
    return line.substring(0, Math.max(0, line.indexOf(' ')));
  }

  /** Size and checksum of a file on the class path; the checksum is -1 outside a jar. */
  private record Entry(long size, long checksum) {}

  private static Entry entry(URL url) throws IOException {
    URLConnection connection = url.openConnection();
    connection.setUseCaches(true);
    long checksum = connection instanceof JarURLConnection jar ? jar.getJarEntry().getCrc() : -1;
    return new Entry(connection.getContentLengthLong(), checksum);
  }

  private static long checksum(Path file) throws IOException {
    CRC32 checksum = new CRC32();
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER);
    try (FileChannel channel = FileChannel.open(file)) {
      while (channel.read(buffer) >= 0) {
        checksum.update(buffer.flip());
        buffer.clear();
      }
    }
    return checksum.getValue();
  }

  /** Removes what killed processes left in a cache folder. */
  private static void removeLeftovers(Path cache) {
    try (Stream<Path> entries = Files.list(cache)) {
      for (Path entry : entries.toList()) {
        String name = entry.getFileName().toString();
        if (name.startsWith(DAMAGED) || name.startsWith(FILLING) && !isBeingFilled(entry)) {
          delete(entry);
        }
      }
    } catch (IOException | UncheckedIOException e) {
      // There is no cache folder yet, or it may not be cleaned.
      return;
    }
  }

  private static boolean isBeingFilled(Path unpacking) throws IOException {
    try (FileChannel channel = FileChannel.open(unpacking.resolve(LOCK), StandardOpenOption.WRITE);
        FileLock lock = channel.tryLock()) {
      return lock == null;
    } catch (OverlappingFileLockException e) {
      return true;
    } catch (NoSuchFileException e) {
      Instant written = Files.getLastModifiedTime(unpacking).toInstant();
      return written.isAfter(Instant.now().minus(LONGEST_WITHOUT_LOCK));
    }
  }

  /** The lock, or null if the file system has no locks. */
  private static FileLock lock(FileChannel channel) {
    try {
      return channel.tryLock();
    } catch (IOException e) {
      return null;
    }
  }

  private static void delete(Path folder) {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.deleteIfExists(file);
      }
      Files.deleteIfExists(folder);
    } catch (IOException | UncheckedIOException e) {
      // A leftover in a cache folder is harmless; the next start tries again.
      return;
    }
  }
}

package io.sluice.spark.storage;

import io.sluice.files.AtomicFile;
import io.sluice.store.files.Manifest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Which files of a cache are there, in use, and to be deleted next. Changes are made under a lock
 * on the folder, for a moment each. A file in use has a file beside it that the process has locked;
 * it holds the time of the last use. A file that is being fetched has its whole length from the
 * beginning, which counts, and is locked itself. Locks end with their process.
 */
final class CacheIndex {
  private static final String LOCK = ".lock";
  private static final String USE = ".use";

  /** Nothing else is counted or deleted: the folder may hold a person's files. */
  private static final Pattern STORES = Pattern.compile(".+-[0-9a-f]{32}", Pattern.DOTALL);

  private final Path folder;
  private final Map<Path, Use> uses = new HashMap<>();
  private final Set<Path> unfinished = new HashSet<>();
  private long bound;

  /** A file that this process uses, some times. */
  private static final class Use {
    private final FileChannel locked;
    private int count;

    Use(FileChannel locked) {
      this.locked = locked;
    }
  }

  private record Entry(Path path, long bytes, boolean leftover, long used) {}

  /** Work under the lock on the folder. */
  interface Change<T> {
    T make() throws IOException;
  }

  CacheIndex(Path folder) {
    this.folder = folder;
  }

  /** Sets the most bytes that the files may have. */
  synchronized void bound(long bytes) {
    bound = bytes;
  }

  /** Uses a file; false if there is none of that length. */
  boolean take(Path path, long bytes) throws IOException {
    return locked(
        () -> {
          if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS) || Files.size(path) != bytes) {
            return false;
          }
          use(path);
          return true;
        });
  }

  /** Ends a use. */
  synchronized void letGo(Path path) {
    Use use = uses.get(path);
    if (use != null && --use.count == 0) {
      uses.remove(path);
      try (use.locked) {
        stamp(use.locked);
      } catch (IOException e) {
        // The file counts as used a little earlier than it was.
      }
    }
  }

  /** A new file, of its whole length already, in which only its process writes. */
  final class Room implements AutoCloseable {
    private final Path temporary;
    private final FileChannel channel;
    private boolean moved;

    private Room(Path temporary, FileChannel channel) {
      this.temporary = temporary;
      this.channel = channel;
    }

    FileChannel channel() {
      return channel;
    }

    /** Deletes it unless it was moved. */
    @Override
    public void close() throws IOException {
      synchronized (CacheIndex.this) {
        unfinished.remove(temporary);
        if (!moved) {
          Files.deleteIfExists(temporary);
        }
        channel.close();
      }
    }
  }

  /**
   * Makes room for a file that is to be fetched.
   *
   * @throws IOException if files in use leave none, or the disk has none; one line
   */
  Room room(RemoteFile file, Path path) throws IOException {
    return locked(
        () -> {
          deleteFor(file);
          Files.createDirectories(path.getParent());
          String bits = UUID.randomUUID().toString().replace("-", "").substring(16);
          Path temporary = path.resolveSibling(path.getFileName() + "." + bits + ".tmp");
          FileChannel channel =
              FileChannel.open(
                  temporary,
                  StandardOpenOption.CREATE_NEW,
                  StandardOpenOption.READ,
                  StandardOpenOption.WRITE);
          Room room = new Room(temporary, channel);
          try {
            channel.lock();
            channel.write(ByteBuffer.allocate(1), Math.max(0, file.bytes() - 1));
            unfinished.add(temporary);
            return room;
          } catch (IOException e) {
            room.close();
            throw e;
          }
        });
  }

  /** Puts a file that was fetched in its place, and uses it. */
  void move(Room room, Path path) throws IOException {
    locked(
        () -> {
          room.channel.close();
          Files.move(
              room.temporary,
              path,
              StandardCopyOption.ATOMIC_MOVE,
              StandardCopyOption.REPLACE_EXISTING);
          room.moved = true;
          use(path);
          return null;
        });
  }

  private void use(Path path) throws IOException {
    Use use = uses.get(path);
    if (use == null) {
      FileChannel channel =
          FileChannel.open(
              useFile(path),
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE);
      // Free: exclusive locks are only held within the lock on the folder.
      channel.lock(0, Long.MAX_VALUE, true);
      use = new Use(channel);
      uses.put(path, use);
    }
    use.count++;
    stamp(use.locked);
  }

  /**
   * Notes that a file is used now. Where locks belong to processes they end when any of a process's
   * channels to the locked file is closed, and setting its time as an attribute opens and closes
   * it.
   */
  private static void stamp(FileChannel locked) throws IOException {
    ByteBuffer now = ByteBuffer.allocate(Long.BYTES);
    locked.write(now.putLong(0, micros(Instant.now())), 0);
  }

  private static long micros(Instant time) {
    return ChronoUnit.MICROS.between(Instant.EPOCH, time);
  }

  private static Path useFile(Path path) {
    return path.resolveSibling(path.getFileName() + USE);
  }

  private void deleteFor(RemoteFile file) throws IOException {
    if (file.bytes() > bound) {
      throw new IOException(
          file.name()
              + ": has "
              + file.bytes()
              + " bytes, and the cache at "
              + folder
              + " may have "
              + bound
              + "; give a larger --cache-size");
    }
    List<Entry> entries = entries();
    long over = entries.stream().mapToLong(Entry::bytes).sum() + file.bytes() - bound;
    for (Entry entry : entries) {
      // What a killed process left is deleted in any case.
      if ((over > 0 || entry.leftover) && delete(entry)) {
        over -= entry.bytes;
      }
    }
    if (over > 0) {
      throw new IOException(
          file.name()
              + ": there is no room for it in the cache at "
              + folder
              + ": files in use leave "
              + Math.max(0, file.bytes() - over)
              + " of "
              + bound
              + " bytes, and it has "
              + file.bytes()
              + "; give a larger --cache-size");
    }
  }

  /** The files of stores, in the order in which they are deleted. */
  private List<Entry> entries() throws IOException {
    List<Entry> entries = new ArrayList<>();
    for (Path store : list(folder)) {
      if (STORES.matcher(store.getFileName().toString()).matches()
          && Files.isDirectory(store, LinkOption.NOFOLLOW_LINKS)) {
        for (Path file : list(store)) {
          if (isOurs(file)) {
            entries.add(entry(file));
          }
        }
      }
    }
    entries.sort(Comparator.comparing(Entry::leftover).reversed().thenComparingLong(Entry::used));
    return entries;
  }

  private static boolean isOurs(Path file) {
    String name = AtomicFile.finalName(file);
    return Manifest.isBesideShards(name) || name.matches("shard-\\d{5,10}\\.arrow");
  }

  private Entry entry(Path file) throws IOException {
    return new Entry(file, Files.size(file), AtomicFile.isLeftover(file), used(file));
  }

  private long used(Path file) throws IOException {
    if (uses.containsKey(file)) {
      return Long.MAX_VALUE;
    }
    try {
      byte[] stamp = Files.readAllBytes(useFile(file));
      if (stamp.length == Long.BYTES) {
        return ByteBuffer.wrap(stamp).getLong();
      }
    } catch (NoSuchFileException e) {
      // It was never used after it was fetched.
    }
    return micros(Files.getLastModifiedTime(file).toInstant());
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  private boolean delete(Entry entry) throws IOException {
    // A lock of this process would end if the locked file were opened and closed here.
    if (uses.containsKey(entry.path) || unfinished.contains(entry.path)) {
      return false;
    }
    Path lock = entry.leftover ? entry.path : useFile(entry.path);
    try (FileChannel channel = FileChannel.open(lock, StandardOpenOption.WRITE)) {
      if (channel.tryLock() == null) {
        return false;
      }
      Files.deleteIfExists(entry.path);
      Files.deleteIfExists(lock);
    } catch (NoSuchFileException e) {
      Files.deleteIfExists(entry.path);
    }
    try {
      Files.delete(entry.path.getParent());
    } catch (DirectoryNotEmptyException e) {
      // Others are in it.
    }
    return true;
  }

  synchronized <T> T locked(Change<T> change) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.lock();
      return change.make();
    } catch (FileSystemException e) {
      throw failed(e.getReason() == null ? e.getClass().getSimpleName() : e.getReason(), e);
    } catch (IOException e) {
      if (e.getMessage() == null || !e.getMessage().contains("; ")) {
        throw failed(String.valueOf(e.getMessage()), e);
      }
      throw e;
    }
  }

  private IOException failed(String reason, IOException cause) {
    return StorageFailure.said(
        folder
            + ": cannot be written ("
            + reason
            + "); make room, or give another folder with --cache",
        cause);
  }
}

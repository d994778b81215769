package io.sluice.spark.storage;

import io.sluice.files.OutputFolder;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import org.apache.spark.TaskContext;

/**
 * Copies of files that are elsewhere, on a disk of this machine, for all processes that name the
 * same folder. A file is fetched under a temporary name, compared with its checksum on the way, and
 * renamed. Together the files never take more than the bound: before a file is fetched, the least
 * recently used ones are deleted, but none that a process uses.
 *
 * <p>A process that ends, however it ends, uses nothing any more, and what it left half-fetched is
 * deleted by the next one that needs room. Safe for use by several threads.
 */
public final class FileCache {
  private static final int CHUNK_BYTES = 1 << 18;
  private static final Map<Path, FileCache> OPEN = new ConcurrentHashMap<>();

  private final Path folder;
  private final CacheIndex index;

  /** One fetch of a file at a time in this process. */
  private final Map<Path, Object> fetching = new ConcurrentHashMap<>();

  /**
   * Files that this process has compared with their checksums, by their keys in the file system.
   */
  private final Map<Path, Object> compared = new HashMap<>();

  /** Whether nobody waits any more for what this thread fetches. */
  private final BooleanSupplier stopped;

  private FileCache(Path folder, BooleanSupplier stopped) {
    this.folder = folder;
    this.stopped = stopped;
    this.index = new CacheIndex(folder);
  }

  /**
   * The cache of these settings, whose folder is made if necessary.
   *
   * @throws IOException if that is not possible; one line that names it
   */
  public static FileCache of(CacheSettings settings) throws IOException {
    return of(settings, FileCache::isTaskStopped);
  }

  /** The same, which fetches until a condition holds. */
  static FileCache of(CacheSettings settings, BooleanSupplier stopped) throws IOException {
    Path wanted;
    try {
      wanted = settings.here();
    } catch (IllegalStateException e) {
      throw new IOException(e.getMessage() + ", or give --cache DIR", e);
    }
    OutputFolder.make(wanted);
    FileCache cache =
        OPEN.computeIfAbsent(wanted.toRealPath(), path -> new FileCache(path, stopped));
    cache.index.bound(settings.bytes());
    return cache;
  }

  /** Does something while no other process or thread changes what is in the folder. */
  <T> T alone(CacheIndex.Change<T> change) throws IOException {
    return index.locked(change);
  }

  /** The folder. */
  Path folder() {
    return folder;
  }

  /** A file that stays where it is until this is closed. */
  public final class Lease implements AutoCloseable {
    private final Path path;
    private boolean closed;

    private Lease(Path path) {
      this.path = path;
    }

    /** The file. */
    public Path path() {
      return path;
    }

    /** Allows the file to be deleted. Memory over it stays valid. */
    @Override
    public void close() {
      synchronized (this) {
        if (closed) {
          return;
        }
        closed = true;
      }
      index.letGo(path);
    }
  }

  /**
   * Makes a file available here, from the cache or from where it is. A copy that is damaged is
   * fetched again.
   *
   * @param verified whether a copy of earlier is compared with its checksum; one that is fetched
   *     always is
   * @throws IOException if it cannot be fetched, has another length or checksum, or there is no
   *     room for it; one line that names it
   */
  Lease lease(RemoteFile file, boolean verified) throws IOException {
    Path path = folder.resolve(file.folder()).resolve(file.file());
    synchronized (fetching.computeIfAbsent(path, key -> new Object())) {
      if (index.take(path, file.bytes())) {
        Lease lease = new Lease(path);
        try {
          if (!verified || isCompared(path)) {
            return lease;
          }
          if (file.fingerprint().matches(path)) {
            remember(path);
            return lease;
          }
        } catch (IOException e) {
          // A disk that cannot read it back: as bad as other bytes.
        }
        lease.close();
      }
      fetch(file, path);
      remember(path);
      return new Lease(path);
    }
  }

  private void fetch(RemoteFile file, Path path) throws IOException {
    try (CacheIndex.Room room = index.room(file, path)) {
      copy(file, room.channel());
      index.move(room, path);
    }
  }

  private void copy(RemoteFile file, FileChannel target) throws IOException {
    Fingerprint.Sum sum = file.fingerprint().begin();
    long done = 0;
    byte[] chunk = new byte[CHUNK_BYTES];
    try (InputStream in = file.source().open()) {
      for (int count = in.read(chunk); count >= 0 && done <= file.bytes(); count = in.read(chunk)) {
        requireWanted(file);
        sum.add(chunk, count);
        done += count;
        if (done <= file.bytes()) {
          write(file, target, ByteBuffer.wrap(chunk, 0, count), done - count);
        }
      }
    }
    if (done != file.bytes()) {
      throw new IOException(
          file.name()
              + ": is "
              + (done < file.bytes() ? done : "more than " + file.bytes())
              + " bytes long, the manifest says "
              + file.bytes()
              + "; restore it or capture again");
    }
    String digits = sum.digits();
    if (!digits.equals(file.fingerprint().digits())) {
      throw new IOException(
          file.name()
              + ": checksum is "
              + digits
              + ", the manifest says "
              + file.fingerprint().digits()
              + "; it changed since it was written: restore it or capture again");
    }
  }

  private static boolean isTaskStopped() {
    TaskContext task = TaskContext.get();
    return task != null && task.isInterrupted();
  }

  /** A whole store may take hours, and nobody waits so long for a task that is stopped. */
  private void requireWanted(RemoteFile file) throws InterruptedIOException {
    if (stopped.getAsBoolean()) {
      throw new InterruptedIOException(file.name() + ": its task was stopped");
    }
  }

  private void write(RemoteFile file, FileChannel target, ByteBuffer bytes, long at)
      throws IOException {
    try {
      for (long position = at; bytes.hasRemaining(); ) {
        position += target.write(bytes, position);
      }
    } catch (IOException e) {
      throw StorageFailure.said(
          folder
              + ": cannot be written ("
              + e.getMessage()
              + ") while "
              + file.name()
              + " is fetched; make room, or give another folder with --cache",
          e);
    }
  }

  private boolean isCompared(Path path) throws IOException {
    Object key = key(path);
    synchronized (compared) {
      return key != null && key.equals(compared.get(path));
    }
  }

  private void remember(Path path) throws IOException {
    Object key = key(path);
    synchronized (compared) {
      compared.put(path, key);
    }
  }

  /** Another one after each change. */
  private static Object key(Path path) throws IOException {
    BasicFileAttributes now = Files.readAttributes(path, BasicFileAttributes.class);
    return List.of(now.lastModifiedTime(), String.valueOf(now.fileKey()));
  }
}

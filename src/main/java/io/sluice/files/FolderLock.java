package io.sluice.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A folder that one writer has at a time: the lock of a file {@code .lock} in it. The lock goes
 * with the process, however it ends; the file may stay.
 */
public final class FolderLock implements AutoCloseable {
  /** The name of the file that is locked. */
  public static final String NAME = ".lock";

  private static final int LONGEST_MARK = 4096;

  /** The folders that this process has. */
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private final Path folder;
  private final Path held;
  private final FileChannel file;

  private FolderLock(Path folder, Path held, FileChannel file) {
    this.folder = folder;
    this.held = held;
    this.file = file;
  }

  /**
   * Makes a folder if need be.
   *
   * @param what the folder is for, for instance {@code run}
   * @throws IOException if it is a file or cannot be made
   */
  public static void make(Path folder, String what) throws IOException {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new IOException(folder + ": is a file; name a folder for the " + what);
    }
    OutputFolder.make(folder);
  }

  /**
   * Takes a folder that exists, and deletes what killed writers left of temporary files in it.
   *
   * @param what writes into it, for instance {@code run}
   * @throws IOException if another one has it
   */
  public static FolderLock take(Path folder, String what) throws IOException {
    FolderLock lock = tryTake(folder);
    if (lock == null) {
      throw taken(folder, what);
    }
    AtomicFile.deleteLeftovers(folder);
    return lock;
  }

  /**
   * What to say of a folder that another one has.
   *
   * @param what writes into it, for instance {@code run}
   */
  public static IOException taken(Path folder, String what) {
    return new IOException(
        "%s: another %s is writing into this folder; choose another one or wait for it"
            .formatted(folder, what));
  }

  /**
   * Takes a folder that exists, if nobody has it; what else is in it stays.
   *
   * @return null if another one has it
   * @throws IOException if the folder takes no files
   */
  public static FolderLock tryTake(Path folder) throws IOException {
    Path held = folder.toRealPath();
    // Asked first: where locks belong to processes, closing a second channel to the file would end
    // the lock of the first.
    if (!HELD.add(held)) {
      return null;
    }
    FolderLock taken = null;
    try {
      FileChannel channel = locked(folder);
      while (channel != null && !isThere(folder, channel)) {
        // Its holder gave the folder up in between: what is locked is no longer there.
        channel.close();
        OutputFolder.make(folder);
        channel = locked(folder);
      }
      taken = channel == null ? null : new FolderLock(folder, held, channel);
    } finally {
      if (taken == null) {
        HELD.remove(held);
      }
    }
    return taken;
  }

  /** The lock's file, locked; null if another one has it. */
  private static FileChannel locked(Path folder) throws IOException {
    FileChannel channel = open(folder);
    FileLock lock = null;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      // Another name of the folder in this very process: the answer is the same.
    } catch (IOException e) {
      throw new IOException(
          folder
              + ": its file system gives no locks ("
              + e.getMessage()
              + "); use a folder on another one",
          e);
    } finally {
      if (lock == null) {
        channel.close();
      }
    }
    return lock == null ? null : channel;
  }

  private static FileChannel open(Path folder) throws IOException {
    try {
      return FileChannel.open(
          folder.resolve(NAME),
          StandardOpenOption.CREATE,
          StandardOpenOption.WRITE,
          LinkOption.NOFOLLOW_LINKS);
    } catch (IOException e) {
      throw new IOException(
          folder + ": cannot be written (" + AtomicFile.reason(e) + "); choose another folder", e);
    }
  }

  /**
   * Whether the file that is locked is the one that others will find, told by a length that it gets
   * for a moment. It is not opened again: closing it would end the lock.
   */
  private static boolean isThere(Path folder, FileChannel locked) throws IOException {
    int mark = 1 + ThreadLocalRandom.current().nextInt(LONGEST_MARK);
    try {
      locked.write(ByteBuffer.allocate(1), mark - 1L);
      boolean same = Files.size(folder.resolve(NAME)) == mark;
      locked.truncate(0);
      return same;
    } catch (NoSuchFileException e) {
      return false;
    } catch (IOException e) {
      locked.close();
      throw new IOException(
          folder + ": cannot be written (" + AtomicFile.reason(e) + "); choose another folder", e);
    }
  }

  /** Lets go of a folder in which nothing was begun: it is deleted if nothing else is in it. */
  public void giveUp() throws IOException {
    try {
      release();
    } finally {
      try {
        Files.deleteIfExists(folder);
      } catch (DirectoryNotEmptyException e) {
        // Then it is somebody's.
      }
    }
  }

  /**
   * Lets go of the folder and leaves nothing in it.
   *
   * @throws IOException if the lock's file cannot be deleted
   */
  public void release() throws IOException {
    try (this) {
      Files.deleteIfExists(folder.resolve(NAME));
    }
  }

  @Override
  public void close() throws IOException {
    try {
      file.close();
    } finally {
      HELD.remove(held);
    }
  }
}

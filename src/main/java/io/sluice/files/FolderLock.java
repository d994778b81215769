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
 * Locks a folder for one writer at a time, by a lock on a file {@code .lock} in it. The lock ends
 * with the process; the file may stay.
 */
public final class FolderLock implements AutoCloseable {
  /** The name of the file that is locked. */
  public static final String NAME = ".lock";

  private static final int LONGEST_MARK = 4096;

  /** The folders that this process has locked. */
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
   * Creates a folder if necessary.
   *
   * @param what the folder is for, for instance {@code run}
   * @throws IOException if it is a file or cannot be created
   */
  public static void make(Path folder, String what) throws IOException {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new IOException(folder + ": is a file; name a folder for the " + what);
    }
    OutputFolder.make(folder);
  }

  /**
   * Locks an existing folder, and deletes temporary files that killed writers left in it.
   *
   * @param what the kind of writer, for instance {@code run}
   * @throws FolderTakenException if another writer has it
   * @throws IOException if no file can be created in the folder
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
   * The error for a folder that another writer has.
   *
   * @param what writes into it, for instance {@code run}
   */
  public static FolderTakenException taken(Path folder, String what) {
    return new FolderTakenException(
        "%s: another %s is writing into this folder; choose another one or wait for it"
            .formatted(folder, what));
  }

  /**
   * Locks an existing folder if it is free; its files stay.
   *
   * @return null if another writer has it
   * @throws IOException if no file can be created in the folder
   */
  public static FolderLock tryTake(Path folder) throws IOException {
    Path held = folder.toRealPath();
    // Checked first: if locks belong to processes, closing a second channel to the file would end
    // the lock of the first.
    if (!HELD.add(held)) {
      return null;
    }
    FolderLock taken = null;
    try {
      FileChannel channel = locked(folder);
      while (channel != null && !isThere(folder, channel)) {
        // Its holder released the folder in between: the locked file is deleted.
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

  /** The locked file; null if another writer has it. */
  private static FileChannel locked(Path folder) throws IOException {
    FileChannel channel = open(folder);
    FileLock lock = null;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      // This process has locked the folder under another name: the result is the same.
    } catch (IOException e) {
      throw new IOException(
          folder
              + ": its file system does not support locks ("
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
   * Whether the locked file is still the one in the folder, detected by changing its length for a
   * moment. It is not opened again, since closing it would end the lock.
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

  /** Unlocks a folder in which nothing was written, and deletes it if it is empty. */
  public void giveUp() throws IOException {
    try {
      release();
    } finally {
      try {
        Files.deleteIfExists(folder);
      } catch (DirectoryNotEmptyException e) {
        // Another process uses it.
      }
    }
  }

  /**
   * Unlocks the folder and deletes the lock file.
   *
   * @throws IOException if the lock file cannot be deleted
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

package io.sluice.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A folder that one writer has at a time: the lock of a file {@code .lock} in it. The lock goes
 * with the process, however it ends; the file may stay.
 */
public final class FolderLock implements AutoCloseable {
  /** The name of the file that is locked. */
  public static final String NAME = ".lock";

  private final Path folder;
  private final FileChannel file;

  private FolderLock(Path folder, FileChannel file) {
    this.folder = folder;
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
    while (true) {
      FileChannel channel = open(folder);
      FileLock lock = null;
      try {
        // Its last byte: where locks bind readers, too, the mark can be read all the same.
        lock = channel.tryLock(Long.MAX_VALUE - 1, 1, false);
      } catch (OverlappingFileLockException e) {
        // Another writer of this very process: the answer is the same as for another process.
      } finally {
        if (lock == null) {
          channel.close();
        }
      }
      if (lock == null) {
        return null;
      }
      if (isThere(folder, channel)) {
        return new FolderLock(folder, channel);
      }
      // Its holder gave the folder up in between: what is locked is no longer there.
      channel.close();
      OutputFolder.make(folder);
    }
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

  /** Whether the file that is locked is the one that others will find, told by a mark in it. */
  private static boolean isThere(Path folder, FileChannel locked) throws IOException {
    String mark = ProcessHandle.current().pid() + " " + System.nanoTime();
    locked.truncate(0);
    locked.write(ByteBuffer.wrap(mark.getBytes(StandardCharsets.UTF_8)), 0);
    try {
      return Files.readString(folder.resolve(NAME)).equals(mark);
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /** Lets go of a folder in which nothing was begun: it is deleted if nothing else is in it. */
  public void giveUp() throws IOException {
    try (file) {
      Files.deleteIfExists(folder.resolve(NAME));
      Files.deleteIfExists(folder);
    } catch (DirectoryNotEmptyException e) {
      // Then it is somebody's.
    }
  }

  /**
   * Lets go of the folder and leaves nothing in it.
   *
   * @throws IOException if the lock's file cannot be deleted
   */
  public void release() throws IOException {
    try (file) {
      Files.deleteIfExists(folder.resolve(NAME));
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}

package io.sluice.training;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A folder that one writer has at a time. The lock goes with the process, however it ends. */
final class FolderLock implements AutoCloseable {
  private final FileChannel file;

  private FolderLock(FileChannel file) {
    this.file = file;
  }

  /** Makes a folder if need be. */
  static void make(Path folder, String what) throws IOException {
    try {
      Files.createDirectories(folder);
    } catch (FileAlreadyExistsException e) {
      throw new IOException(folder + ": is a file; name a folder for the " + what, e);
    }
  }

  /**
   * Takes a folder that exists.
   *
   * @param what writes into it, for instance {@code run}
   * @throws IOException if another one has it
   */
  static FolderLock take(Path folder, String what) throws IOException {
    FileChannel channel =
        FileChannel.open(
            folder.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    FileLock lock = null;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      // Another writer of this very process: the answer is the same as for another process.
    } finally {
      if (lock == null) {
        channel.close();
      }
    }
    if (lock == null) {
      throw new IOException(
          "%s: another %s is writing into this folder; choose another one or wait for it"
              .formatted(folder, what));
    }
    return new FolderLock(channel);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}

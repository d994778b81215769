package io.sluice.training;

import io.sluice.files.AtomicFile;
import io.sluice.files.OutputFolder;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A folder that one writer has at a time. The lock goes with the process, however it ends. */
final class FolderLock implements AutoCloseable {
  private static final String NAME = ".lock";

  private final Path folder;
  private final FileChannel file;

  private FolderLock(Path folder, FileChannel file) {
    this.folder = folder;
    this.file = file;
  }

  /** Makes a folder if need be. */
  static void make(Path folder, String what) throws IOException {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new IOException(folder + ": is a file; name a folder for the " + what);
    }
    OutputFolder.make(folder);
  }

  /**
   * Takes a folder that exists.
   *
   * @param what writes into it, for instance {@code run}
   * @throws IOException if another one has it
   */
  static FolderLock take(Path folder, String what) throws IOException {
    FileChannel channel =
        FileChannel.open(folder.resolve(NAME), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
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
    if (!Files.exists(folder.resolve(NAME))) {
      // Its holder gave the folder up in between: what is locked is no longer there.
      channel.close();
      OutputFolder.make(folder);
      return take(folder, what);
    }
    AtomicFile.deleteLeftovers(folder);
    return new FolderLock(folder, channel);
  }

  /** Lets go of a folder in which nothing was begun: it is deleted if nothing else is in it. */
  void giveUp() throws IOException {
    try (file) {
      Files.deleteIfExists(folder.resolve(NAME));
      Files.deleteIfExists(folder);
    } catch (DirectoryNotEmptyException e) {
      // Then it is somebody's.
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}

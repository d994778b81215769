package io.sluice.store;

import io.sluice.files.RegularFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The files of a store that are read by copying. A limited number of recently used files stays
 * open. Safe for use by several threads.
 */
final class OpenFiles {
  private static final int MOST = 64;
  private static final long PART_BYTES = 1 << 30;

  private final Map<Path, Opened> open = new LinkedHashMap<>(MOST, 0.75f, true);

  /** An open file and its number of readers; the last reader closes an evicted file. */
  private static final class Opened {
    private final FileChannel channel;
    private int readers;
    private boolean letGo;

    Opened(FileChannel channel) {
      this.channel = channel;
    }
  }

  /**
   * Fills {@code target} from a position in a file.
   *
   * @throws IOException if the file ends before that, is gone or cannot be read; one line that
   *     names it
   */
  void read(Path path, long position, MemorySegment target) throws IOException {
    for (int tries = 1; ; tries++) {
      Opened opened = acquire(path);
      try {
        fill(opened.channel, path, position, target);
        return;
      } catch (ClosedByInterruptException e) {
        throw new IOException(path + ": reading was interrupted", e);
      } catch (ClosedChannelException e) {
        // Another reader was interrupted, which closes the file for all.
        if (tries == 8) {
          throw new IOException(path + ": was closed while it was read; try again", e);
        }
      } finally {
        release(path, opened);
      }
    }
  }

  /** Closes all files; those that are read now, when that ends. A later read opens them again. */
  synchronized void close() throws IOException {
    for (Opened opened : open.values()) {
      opened.letGo = true;
      if (opened.readers == 0) {
        opened.channel.close();
      }
    }
    open.clear();
  }

  private static void fill(FileChannel file, Path path, long position, MemorySegment target)
      throws IOException {
    for (long done = 0; done < target.byteSize(); ) {
      long part = Math.min(PART_BYTES, target.byteSize() - done);
      ByteBuffer buffer = target.asSlice(done, part).asByteBuffer();
      int count = file.read(buffer, position + done);
      if (count < 0) {
        throw new IOException(
            path
                + ": was truncated while the store is open: it ends before byte "
                + (position + target.byteSize())
                + "; restore it or capture again");
      }
      done += count;
    }
  }

  private synchronized Opened acquire(Path path) throws IOException {
    Opened opened = open.get(path);
    if (opened == null || !opened.channel.isOpen()) {
      try {
        opened = new Opened(RegularFile.open(path));
      } catch (NoSuchFileException e) {
        throw new IOException(
            path + ": was deleted while the store is open; restore it or capture again", e);
      }
      open.put(path, opened);
      if (open.size() > MOST) {
        Path eldest = open.keySet().iterator().next();
        Opened gone = open.remove(eldest);
        gone.letGo = true;
        if (gone.readers == 0) {
          gone.channel.close();
        }
      }
    }
    opened.readers++;
    return opened;
  }

  private synchronized void release(Path path, Opened opened) throws IOException {
    opened.readers--;
    if (opened.letGo && opened.readers == 0) {
      opened.channel.close();
    }
  }
}

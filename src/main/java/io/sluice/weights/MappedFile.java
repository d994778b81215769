package io.sluice.weights;

import io.sluice.files.RegularFile;
import io.sluice.memory.DType;
import io.sluice.memory.HugeMemory;
import io.sluice.memory.MappedPages;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Maps files for reading, and aligns tensor data. */
final class MappedFile {
  private MappedFile() {}

  /**
   * Maps a whole file, read-only. The mapping ends when it is garbage: an explicit end could unmap
   * memory that LibTorch is reading.
   */
  static MemorySegment map(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw BadFile.because(file, "is a folder", "give a weight file");
    }
    try (FileChannel channel = RegularFile.open(file)) {
      long size = channel.size();
      if (size == 0) {
        throw BadFile.damaged(file, "is empty");
      }
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, size, Arena.ofAuto());
    } catch (NoSuchFileException e) {
      throw new IOException(file + ": no such file; check the path", e);
    }
  }

  /**
   * {@code data} itself if it is native memory aligned for {@code dtype}, otherwise an aligned
   * copy.
   */
  static MemorySegment aligned(MemorySegment data, DType dtype) {
    if (data.isNative() && data.address() % dtype.bytes() == 0) {
      return data;
    }
    MemorySegment copy = HugeMemory.allocate(Math.max(1, data.byteSize()), Arena.ofAuto());
    MappedPages.copy(data, copy);
    return copy.asSlice(0, data.byteSize()).asReadOnly();
  }
}

package io.sluice.edges;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/** The last call, in a file mapped into memory: it is there whatever becomes of the process. */
final class CallLog {
  private static final int BYTES = 1 << 16;

  private final MemorySegment memory;

  CallLog(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, BYTES, Arena.global());
    }
  }

  /** Replaces the last call. */
  void write(String call) {
    byte[] bytes = call.getBytes(StandardCharsets.UTF_8);
    int length = Math.min(bytes.length, BYTES - 1);
    MemorySegment.copy(MemorySegment.ofArray(bytes), 0, memory, 0, length);
    memory.set(java.lang.foreign.ValueLayout.JAVA_BYTE, length, (byte) 0);
  }

  /** What a process wrote last. */
  static String read(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    int end = 0;
    while (end < bytes.length && bytes[end] != 0) {
      end++;
    }
    return new String(Arrays.copyOf(bytes, end), StandardCharsets.UTF_8);
  }
}

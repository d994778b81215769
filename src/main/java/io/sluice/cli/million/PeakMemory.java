package io.sluice.cli.million;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The most memory that this process has held at once, as Linux counts it. */
final class PeakMemory {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path CLEAR = Path.of("/proc/self/clear_refs");

  private PeakMemory() {}

  /** Lets the count begin anew, where the system can. */
  static void reset() {
    try {
      Files.writeString(CLEAR, "5");
    } catch (IOException | UnsupportedOperationException e) {
      // The peak is then that since the process started, which is no less.
      return;
    }
  }

  /** Bytes, mapped files included; 0 where the system does not say. */
  static long bytes() throws IOException {
    if (Files.notExists(STATUS)) {
      return 0;
    }
    return Files.readAllLines(STATUS).stream()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
        .findFirst()
        .orElse(0);
  }
}

package io.sluice.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The size of the files that a command will write, and the free space of the disk.
 *
 * @param folder where it is written
 * @param bytes their approximate size
 * @param free the free space
 */
record DiskNeed(Path folder, long bytes, long free) {
  /** Asks the file system of a folder, which need not be there yet. */
  static DiskNeed of(Path folder, long bytes) throws IOException {
    Path there = folder.toAbsolutePath().normalize();
    while (!Files.exists(there) && there.getParent() != null) {
      there = there.getParent();
    }
    return new DiskNeed(folder, bytes, Files.getFileStore(there).getUsableSpace());
  }

  /** Whether it is more than a tenth of what is free, which a person should have meant. */
  boolean isLarge() {
    return bytes > free / 10;
  }

  /** Both sizes in words. */
  String text() {
    return "%s: will take about %s of the disk, %s are free"
        .formatted(folder, size(bytes), size(free));
  }

  /** The same where the size is a bound. */
  String mostText() {
    return "%s: will take at most %s of the disk, %s are free"
        .formatted(folder, size(bytes), size(free));
  }

  /** A size in words. */
  static String size(long bytes) {
    String[] units = {"KiB", "MiB", "GiB", "TiB"};
    double value = bytes / 1024.0;
    int unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
  }
}

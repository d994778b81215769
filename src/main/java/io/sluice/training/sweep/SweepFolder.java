package io.sluice.training.sweep;

import io.sluice.dictionary.ActivationFeed;
import io.sluice.store.ActivationStore;
import io.sluice.training.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** What a folder must be for a sweep to begin in it. */
public final class SweepFolder {
  private SweepFolder() {}

  /**
   * Refuses a folder that holds a sweep or a run.
   *
   * @throws IOException if it does; the message says what to do
   */
  public static void requireEmpty(Path folder) throws IOException {
    if (Files.exists(folder.resolve(SweepFile.NAME))) {
      throw new IOException(
          folder + ": holds a sweep already; continue it with --resume, or choose another folder");
    }
    if (Files.exists(folder.resolve(RunFolder.DESCRIPTION))) {
      throw new IOException(folder + ": holds a run already; choose another folder");
    }
  }

  /** Refuses a disk that has not room for all dictionaries and the checkpoints of one. */
  static void requireDisk(Path folder, List<SweepCell> cells, ActivationStore store)
      throws IOException {
    long disk = 0;
    long most = 0;
    for (SweepCell cell : cells) {
      int width = ActivationFeed.activations(store, cell.config().hook()).width();
      disk += cell.finalBytes(width);
      most = Math.max(most, cell.diskBytes(width));
    }
    long free = Files.getFileStore(folder).getUsableSpace();
    if (disk + most > free) {
      throw new IOException(
          "%s: the sweep needs %s here, but %s are free; make room or a smaller grid"
              .formatted(folder, size(disk + most), size(free)));
    }
  }

  /** A number of bytes in words. */
  static String size(long bytes) {
    return bytes < 100_000_000
        ? String.format(Locale.ROOT, "%,d KB", Math.ceilDiv(bytes, 1000))
        : String.format(Locale.ROOT, "%.1f GB", bytes / 1e9);
  }
}

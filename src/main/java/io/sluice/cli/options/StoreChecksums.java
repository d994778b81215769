package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.store.ActivationStore;
import io.sluice.store.Reading;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Options for opening a store: checksums, and copying instead of mapping. */
@Grouped(OptionGroup.DATA)
public final class StoreChecksums {
  @Option(
      names = "--no-verify",
      description =
          "Do not compare the store's files with their checksums first, and do not look for NaN and "
              + "infinity in files without one. This saves reading them once.")
  private boolean skipped;

  @Option(
      names = "--copy",
      description =
          "Copy rows from the store's files instead of mapping the files into memory. This is "
              + "for a network or removable disk, where a file may vanish while it is read.")
  private boolean copied;

  /**
   * Opens a store without reading it.
   *
   * @throws IOException if the store is missing or damaged; the message names the file
   */
  public ActivationStore openUnread(Path folder) throws IOException {
    return ActivationStore.open(folder, reading());
  }

  /**
   * Refuses results in the store's own folder: in one without a manifest, every Arrow file is a
   * part of the store.
   */
  public static void requireApart(SluiceCommand command, Path store, Path out) throws IOException {
    if (Files.exists(store) && Files.exists(out) && Files.isSameFile(store, out)) {
      throw command.usage("--out is the store's own folder; name another one");
    }
  }

  /** How files come into memory. */
  public Reading reading() {
    return copied ? Reading.COPIED : Reading.MAPPED;
  }

  /** Whether checksums are to be compared. */
  public boolean areCompared() {
    return !skipped;
  }

  /**
   * Opens a store and, unless the user said otherwise, reads it once to find flipped bits, and NaN
   * that a writer of another program let pass: one would spoil a training without a word.
   *
   * @throws IOException if the store is missing or damaged; the message names the file
   */
  public ActivationStore open(Path folder) throws IOException {
    ActivationStore store = openUnread(folder);
    if (areCompared()) {
      store.verify();
    }
    return store;
  }
}

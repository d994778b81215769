package io.sluice.cli.options;

import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.store.ActivationStore;
import io.sluice.store.Reading;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for the store that an evaluation reads. */
@Grouped(OptionGroup.ESSENTIAL)
public final class MeasuredStore {
  @Option(
      names = "--store",
      paramLabel = "DIR",
      required = true,
      description = "Read activations from this folder of 'sluice capture'.")
  private Path folder;

  @Mixin private StoreChecksums checksums;

  /**
   * Opens the store.
   *
   * @throws IOException if it is missing or damaged; the message names the file
   */
  public ActivationStore open() throws IOException {
    return checksums.open(folder);
  }

  /**
   * Opens the store without reading it.
   *
   * @throws IOException if it is missing or damaged; the message names the file
   */
  public ActivationStore openUnread() throws IOException {
    return checksums.openUnread(folder);
  }

  /** Its folder, or an address as a path. */
  public Path folder() {
    return folder;
  }

  /** How its files come into memory. */
  public Reading reading() {
    return checksums.reading();
  }

  /** Whether checksums are to be compared. */
  public boolean isCompared() {
    return checksums.areCompared();
  }
}

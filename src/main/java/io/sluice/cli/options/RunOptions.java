package io.sluice.cli.options;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.store.ActivationStore;
import io.sluice.store.Reading;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for the store and the folder of a training, and whether it resumes a run. */
@Grouped(OptionGroup.ESSENTIAL)
public final class RunOptions {
  @Option(
      names = "--store",
      paramLabel = "DIR",
      description = "Read activations from this folder of 'sluice capture'.")
  private Path store;

  @Mixin private StoreChecksums checksums;

  @Option(
      names = "--out",
      order = 10,
      paramLabel = "DIR",
      required = true,
      description = "Write the run to this folder.")
  private Path out;

  @Option(
      names = "--resume",
      order = 12,
      description = "Continue the run in --out, with its own settings.")
  private boolean resume;

  /**
   * Rejects a new run that lacks a store or another option, and options that the settings of a run
   * that continues would override, before any work.
   *
   * @param complete whether all else that a new run needs was given
   * @param needed what a new run needs, in words, for instance {@code --store and --hook}
   * @param taken options that {@code --resume} allows besides {@code --store}
   */
  public void check(SluiceCommand command, boolean complete, String needed, Set<String> taken)
      throws IOException {
    if (!resume && (store == null || !complete)) {
      throw command.usage("give " + needed + ", or --resume to continue a run");
    }
    if (store != null) {
      StoreChecksums.requireApart(command, store, out);
    }
    if (resume) {
      Set<String> allowed = new HashSet<>(taken);
      allowed.add("--store");
      command.requireOwnSettings(allowed);
    }
  }

  /** Whether an interrupted run continues. */
  public boolean resume() {
    return resume;
  }

  /** The run's folder. */
  public Path out() {
    return out;
  }

  /** The store's folder, or an address as a path; null if none was given. */
  public Path store() {
    return store;
  }

  /** How the store's files come into memory. */
  public Reading reading() {
    return checksums.reading();
  }

  /** Whether the store's files are compared with their checksums. */
  public boolean verifies() {
    return checksums.areCompared();
  }

  /**
   * Opens the store that was given.
   *
   * @throws IOException if it is missing or damaged; the message names the file
   */
  public ActivationStore open() throws IOException {
    return checksums.open(store);
  }

  /**
   * Opens the store that was given, or where none was, that of an interrupted run.
   *
   * @param before where the store of the run was
   * @throws IOException if it is missing or damaged; the message names the file
   */
  public ActivationStore open(Path before) throws IOException {
    return checksums.open(store != null ? store : before);
  }

  /**
   * Opens the store that was given, or where none was, that which a run's settings name.
   *
   * @throws IOException if they name none, or it is missing or damaged; the message names the file
   */
  public ActivationStore open(JsonNode settings) throws IOException {
    String before = settings.path("store").asText();
    if (store == null && before.isEmpty()) {
      throw new IOException(
          out.resolve("run.json")
              + ": its config is damaged: it names no store; restore it, or start a new run in"
              + " another folder");
    }
    return open(Path.of(before));
  }
}

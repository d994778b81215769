package io.sluice.cli.gather;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import picocli.CommandLine.Option;

/** The option {@code --batch} of commands that encode a store. */
public final class EncodingBatch {
  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "1024",
      description = "Encode N tokens at once (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.COMPUTE)
  private int batch;

  /** Rejects an invalid value before any work. */
  public void check(SluiceCommand command) {
    if (batch < 1) {
      throw command.usage("--batch must be at least 1, not " + batch);
    }
  }

  /** Tokens that are encoded at once. */
  public int tokens() {
    return batch;
  }
}

package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import picocli.CommandLine.Option;

/** The option {@code --dead-window} of evaluations. */
@Grouped(OptionGroup.DATA)
public final class DeadWindowOption {
  @Option(
      names = "--dead-window",
      paramLabel = "N",
      description =
          "Count a feature or head as dead after N tokens without firing (default: all that are "
              + "read).")
  private Long tokens;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    if (tokens != null && tokens < 1) {
      throw command.usage("--dead-window must be at least 1, not " + tokens);
    }
  }

  /** The window; longer than any store if none was given. */
  public long tokens() {
    return tokens == null ? Long.MAX_VALUE : tokens;
  }
}

package io.sluice.cli.options;

import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import picocli.CommandLine.Option;

/** The option {@code --json}. */
@Grouped(OptionGroup.OUTPUT)
public final class JsonOption {
  @Option(names = "--json", description = "Print the result as JSON.")
  private boolean asked;

  /** Whether {@code --json} is given. */
  public boolean asked() {
    return asked;
  }
}

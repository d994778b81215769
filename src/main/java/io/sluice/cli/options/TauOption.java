package io.sluice.cli.options;

import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import picocli.CommandLine.Option;

/** The option {@code --tau}: the share of the variance that the active subspace holds. */
@Grouped(OptionGroup.START)
public final class TauOption {
  @Option(
      names = "--tau",
      paramLabel = "T",
      defaultValue = "0.99",
      description =
          "Let the active subspace hold this share of the variance (default: ${DEFAULT-VALUE}).")
  private double share;

  /** The share. */
  public double share() {
    return share;
  }
}

package io.sluice.cli.options;

import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import picocli.CommandLine.Option;

/** Options of a single training that a sweep does not have: name and learning rate. */
public final class SingleRunOptions {
  @Option(names = "--name", paramLabel = "TEXT", description = "Name the run in reports.")
  @Grouped(OptionGroup.OUTPUT)
  private String name;

  @Option(
      names = "--lr",
      paramLabel = "RATE",
      defaultValue = "0.001",
      description = "Set the peak learning rate (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private double learningRate;

  /** The name; {@code otherwise} where none was given. */
  public String name(String otherwise) {
    return name != null ? name : otherwise;
  }

  /** The peak learning rate. */
  public double learningRate() {
    return learningRate;
  }
}

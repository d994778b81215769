package io.sluice.cli.options;

import picocli.CommandLine.Option;

/** What happens at which step of a training. */
public final class ScheduleOptions {
  @Option(
      names = "--warmup",
      paramLabel = "N",
      defaultValue = "0",
      description = "Steps over which the learning rate rises (default: 0).")
  private long warmup;

  @Option(
      names = "--decay",
      paramLabel = "N",
      defaultValue = "0",
      description = "Last steps, over which the learning rate falls to 0 (default: 0).")
  private long decay;

  @Option(
      names = "--log-every",
      paramLabel = "N",
      defaultValue = "25",
      description = "Steps between lines of metrics (default: ${DEFAULT-VALUE}).")
  private long logEvery;

  @Option(
      names = "--checkpoint-every",
      paramLabel = "N",
      defaultValue = "500",
      description = "Steps between checkpoints, 0 for none (default: ${DEFAULT-VALUE}).")
  private long checkpointEvery;

  /** Steps over which the learning rate rises. */
  public long warmup() {
    return warmup;
  }

  /** Last steps, over which it falls. */
  public long decay() {
    return decay;
  }

  /** Steps between lines of metrics. */
  public long logEvery() {
    return logEvery;
  }

  /** Steps between checkpoints. */
  public long checkpointEvery() {
    return checkpointEvery;
  }
}

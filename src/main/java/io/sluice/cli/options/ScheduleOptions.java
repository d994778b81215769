package io.sluice.cli.options;

import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.training.config.Schedule;
import picocli.CommandLine.Option;

/** Options for warm-up, decay, checkpoints and metrics. */
@Grouped(OptionGroup.OPTIMISER)
public final class ScheduleOptions {
  @Option(
      names = "--warmup",
      paramLabel = "N",
      defaultValue = "0",
      description = "Raise the learning rate over the first N steps (default: 0).")
  private long warmup;

  @Option(
      names = "--decay",
      paramLabel = "N",
      defaultValue = "0",
      description = "Lower the learning rate to 0 over the last N steps (default: 0).")
  private long decay;

  @Option(
      names = "--log-every",
      paramLabel = "N",
      defaultValue = "25",
      description = "Write a line of metrics every N steps (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.OUTPUT)
  private long logEvery;

  @Option(
      names = "--checkpoint-every",
      paramLabel = "N",
      defaultValue = "500",
      description = "Write a checkpoint every N steps; 0 writes none (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.OUTPUT)
  private long checkpointEvery;

  @Option(
      names = "--keep-checkpoints",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Keep the newest N checkpoints when the run has ended; 'sluice convert' makes a "
              + "dictionary of one (default: none).")
  @Grouped(OptionGroup.OUTPUT)
  private int keepCheckpoints;

  @Option(
      names = "--tensorboard",
      description = "Write metrics for TensorBoard, too, into the run's folder.")
  @Grouped(OptionGroup.OUTPUT)
  private boolean tensorBoard;

  @Option(
      names = "--dead-window",
      paramLabel = "N",
      description =
          "Count a feature, or a head of a Lorsa, as dead after N tokens without firing (default: "
              + "10,000,000, or a quarter of the run if that is less).")
  @Grouped(OptionGroup.OUTPUT)
  private Long deadWindow;

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

  /** How many checkpoints stay at the end. */
  public int keepCheckpoints() {
    return keepCheckpoints;
  }

  /** Whether metrics are written for TensorBoard, too. */
  public boolean tensorBoard() {
    return tensorBoard;
  }

  /**
   * Tokens without firing that make a feature dead.
   *
   * @param tokens of the run
   */
  public long deadWindow(long tokens) {
    return deadWindow != null ? deadWindow : Schedule.usualDeadWindow(tokens);
  }
}

package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How long dictionaries are trained, in steps of how many tokens. */
public final class StepOptions {
  private static final long USUAL_STEPS = 1000;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "1024",
      description = "Tokens per step (default: ${DEFAULT-VALUE}).")
  private int batch;

  @Option(names = "--steps", paramLabel = "N", description = "Steps (default: 1000).")
  private Long steps;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Tokens to train on, instead of --steps; the store is read again as needed.")
  private Long tokens;

  @Mixin private ScheduleOptions schedule;

  @Option(
      names = "--dead-window",
      paramLabel = "N",
      description =
          "Tokens without firing that make a feature dead "
              + "(default: 10,000,000, or a quarter of the run if that is less).")
  private Long deadWindow;

  /** Complains about values that cannot be meant, before any work. */
  public void check(SluiceCommand command) {
    if (steps != null && tokens != null) {
      throw command.usage("give --steps or --tokens, not both");
    }
    if (tokens != null && tokens < 1) {
      throw command.usage("--tokens must be at least 1, not " + tokens);
    }
  }

  /** The number of steps. */
  public long count() {
    return tokens != null
        ? Math.ceilDiv(tokens, (long) Math.max(1, batch))
        : steps == null ? USUAL_STEPS : steps;
  }

  /** Tokens per step. */
  public int batch() {
    return batch;
  }

  /**
   * Sets them.
   *
   * @param perStep tokens per step of the shortest of the runs that are compared, which have one
   *     dead window
   */
  public TrainingConfigBuilder apply(TrainingConfigBuilder config, int perStep) {
    long least = tokens != null ? tokens : count() * perStep;
    config.batch(batch);
    return (tokens != null ? config.tokens(tokens) : config.steps(count()))
        .warmupSteps(schedule.warmup())
        .decaySteps(schedule.decay())
        .deadWindow(deadWindow != null ? deadWindow : TrainingConfig.usualDeadWindow(least))
        .checkpointEvery(schedule.checkpointEvery())
        .logEvery(schedule.logEvery());
  }
}

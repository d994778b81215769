package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.training.config.TrainingConfigBuilder;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for the length of a training and the size of its batches. */
@Grouped(OptionGroup.OPTIMISER)
public final class StepOptions {
  private static final long USUAL_STEPS = 1000;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "1024",
      description = "Take N tokens per step (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private int batch;

  @Option(names = "--steps", paramLabel = "N", description = "Train for N steps (default: 1000).")
  @Grouped(OptionGroup.ESSENTIAL)
  private Long steps;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Train on N tokens, in place of --steps. The store is read again as needed.")
  private Long tokens;

  @Mixin private ScheduleOptions schedule;

  @Option(
      names = "--dead-after",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Let AuxK and resampling count a feature as dead after N tokens without firing (default: "
              + "--dead-window).")
  @Grouped(OptionGroup.REMEDIES)
  private long deadAfter;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    check(command, false);
  }

  /**
   * The same where a model runs, of whose texts {@code --tokens} is a part.
   *
   * @param ofTexts whether it is
   */
  public void check(SluiceCommand command, boolean ofTexts) {
    if (!ofTexts && steps != null && tokens != null) {
      throw command.usage("give --steps or --tokens, not both");
    }
    if (tokens != null && tokens < 1) {
      throw command.usage("--tokens must be at least 1, not " + tokens);
    }
  }

  /**
   * Tokens of text to read; null for all. From now on the number of steps does not follow from it.
   */
  public Long takeTextTokens() {
    Long taken = tokens;
    tokens = null;
    return taken;
  }

  /** Sets the number of steps, where none was given. */
  public void usually(long count) {
    steps = steps == null ? Long.valueOf(count) : steps;
  }

  /** The number of steps. */
  public long count() {
    return tokens != null
        ? Math.ceilDiv(tokens, (long) Math.max(1, batch))
        : steps == null ? USUAL_STEPS : steps;
  }

  /** Tokens without firing that make a feature dead for the remedies; 0 where not given. */
  public long deadAfter() {
    return deadAfter;
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
        .deadWindow(schedule.deadWindow(least))
        .checkpointEvery(schedule.checkpointEvery())
        .logEvery(schedule.logEvery())
        .keepCheckpoints(schedule.keepCheckpoints())
        .tensorBoard(schedule.tensorBoard());
  }
}

package io.sluice.cli.sweep;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.options.StepOptions;
import io.sluice.cli.stream.StreamedCells;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.names.TransformerLensNames;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.stream.StreamPlan;
import io.sluice.training.sweep.Axis;
import io.sluice.training.sweep.Grid;
import io.sluice.training.sweep.SweepCell;
import java.util.IntSummaryStatistics;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.IntToLongFunction;
import java.util.function.UnaryOperator;

/** The cells of a new sweep, as its options say. */
public final class SweepCells implements StreamedCells.Choice {
  private final SluiceCommand command;
  private final GridOptions options;
  private final Grid axes;
  private final IntSummaryStatistics batches;

  /** By the names of the data. */
  private List<String> hooks;

  /** Reads the options. */
  public SweepCells(SluiceCommand command, GridOptions options) {
    this.command = command;
    this.options = options;
    try {
      axes = options.grid(command);
    } catch (IllegalArgumentException e) {
      throw command.usage("--vary: " + e.getMessage());
    }
    batches =
        axes
            .axes()
            .getOrDefault(Axis.BATCH, List.of(String.valueOf(options.steps().batch())))
            .stream()
            .mapToInt(Integer::parseInt)
            .summaryStatistics();
  }

  /** The cells on a store. */
  public List<SweepCell> cells(ActivationStore store) {
    translate(store::hookName);
    return cells((IntToLongFunction) null);
  }

  private void translate(UnaryOperator<String> names) {
    try {
      hooks = options.hooks(command).stream().map(names).toList();
      axes.atEach(hooks);
    } catch (IllegalArgumentException e) {
      throw command.usage("--hook: " + e.getMessage());
    }
  }

  @Override
  public List<String> hooks(LoadedModel model) {
    translate(name -> TransformerLensNames.translated(name, model.name()));
    return hooks;
  }

  @Override
  public StreamPlan.Rule rule() {
    return new StreamPlan.Rule(
        batches.getMax(), options.heldOut(), command.seed(), OptionalInt.empty());
  }

  @Override
  public Grid grid() {
    return axes.atEach(hooks);
  }

  @Override
  public List<SweepCell> cells(StreamPlan plan) {
    if (command.given("--steps")) {
      return cells((IntToLongFunction) null);
    }
    options.steps().usually(plan.onePass(batches.getMin()));
    return cells(plan::onePass);
  }

  /** The cells; null for as many steps as options say. */
  private List<SweepCell> cells(IntToLongFunction steps) {
    long deadAfter = options.steps().deadAfter();
    if (deadAfter < 0) {
      throw command.usage("--dead-after must be at least 0, not " + deadAfter);
    }
    try {
      return grid()
          .cells(() -> steps == null ? base() : base().stepsOf(steps), options.tau(), deadAfter);
    } catch (IllegalArgumentException e) {
      throw command.usage("--vary: " + e.getMessage());
    }
  }

  private TrainingConfigBuilder base() {
    StepOptions steps = options.steps();
    return steps
        .apply(TrainingConfig.of(hooks.getFirst()), batches.getMin())
        .seed(command.seed())
        .dataSeed(command.seed())
        .heldOut(options.heldOut());
  }
}

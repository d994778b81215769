package io.sluice.cli.stream;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.StopSignal;
import io.sluice.engine.EngineFactory;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Device;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.stream.NotBegunException;
import io.sluice.training.stream.StreamFile;
import io.sluice.training.stream.StreamPlan;
import io.sluice.training.stream.StreamedSweep;
import io.sluice.training.sweep.Grid;
import io.sluice.training.sweep.Sweep;
import io.sluice.training.sweep.SweepCell;
import io.sluice.training.sweep.SweepResult;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Runs the sweep of {@code sluice sweep --model}.
 *
 * @param command prints, and refuses options
 * @param out the folder of the sweep
 * @param memory bytes that the cells of one pass of the model may take
 */
public record StreamedCells(SluiceCommand command, Path out, long memory) {
  /** What a new sweep trains. */
  public interface Choice {
    /** The hook points that it needs, by the model's names. */
    List<String> hooks(LoadedModel model);

    /** What all its cells share. */
    StreamPlan.Rule rule();

    /** The grid. */
    Grid grid();

    /** Its cells. */
    List<SweepCell> cells(StreamPlan plan);
  }

  /** Trains the cells of a sweep that have not ended, and shows the progress. */
  @FunctionalInterface
  public interface Training {
    /** Trains. */
    SweepResult train(Sweep sweep) throws IOException;
  }

  /** Begins and trains. */
  public SweepResult start(
      StreamOptions options,
      Device usual,
      Choice choice,
      EngineFactory engines,
      String engine,
      Training training)
      throws IOException {
    try (LoadedModel model = options.open(command, usual)) {
      CaptureSpec spec = options.spec(command, model, choice.hooks(model));
      StreamStart start = new StreamStart(command, out);
      StreamPlan plan = start.plan(options, model, spec, choice.rule());
      List<SweepCell> cells = choice.cells(plan);
      StreamedSweep.Means means = new StreamedSweep.Means(engines, engine, memory);
      StreamedSweep.require(plan, cells, means, out);
      start.requireDisk(plan, "make room or give a smaller --buffer");
      start.tell("sweep", plan, choice.rule().batch());
      List<String> words = options.words(command, spec, model);
      try (StopSignal signal = StopSignal.listen();
          StreamedSweep sweep =
              StreamedSweep.start(
                  plan, choice.grid(), cells, words, means, out, signal::hasArrived)) {
        tell(plan, sweep.sweep());
        return training.train(sweep.sweep());
      } catch (NotBegunException e) {
        throw start.notBegun("sweep", e, "nothing is left of it");
      }
    }
  }

  /**
   * Resumes.
   *
   * @param engines those of the sweep
   * @param engine their kind and device
   */
  public SweepResult resume(EngineFactory engines, String engine, Training training)
      throws IOException {
    SweepResult before = Sweep.read(out);
    if (before.done() == before.cells().size()) {
      return before;
    }
    StreamFile file = StreamFile.read(out);
    StreamOptions options = StreamOptions.read(file.options(), out.resolve(StreamFile.NAME));
    TrainingConfig config = before.cells().getFirst().cell().config();
    int batch =
        before.cells().stream()
            .mapToInt(outcome -> outcome.cell().config().schedule().batch())
            .max()
            .orElseThrow();
    try (LoadedModel model = options.open(command, Device.CPU)) {
      StreamPlan.Rule rule =
          new StreamPlan.Rule(batch, config.heldOut(), config.dataSeed(), config.fromPosition());
      StreamStart start = new StreamStart(command, out);
      StreamPlan plan =
          start.plan(options, model, options.spec(command, model, file.hooks()), rule);
      start.requireDisk(plan, "make room");
      start.tell("sweep", plan, batch);
      StreamedSweep.Means means = new StreamedSweep.Means(engines, engine, memory);
      try (StopSignal signal = StopSignal.listen();
          StreamedSweep sweep = StreamedSweep.resume(plan, file, means, out, signal::hasArrived)) {
        tell(plan, sweep.sweep());
        return training.train(sweep.sweep());
      } catch (NotBegunException e) {
        throw start.notBegun("sweep", e, "its checkpoints stay");
      }
    }
  }

  private void tell(StreamPlan plan, Sweep sweep) throws IOException {
    int groups = sweep.groups();
    if (groups > 1 && plan.windows() > 1) {
      command
          .err()
          .printf(
              Locale.ROOT,
              "sweep: --memory holds some of the %d dictionaries at a time, so the texts go through"
                  + " the model once for each of %d groups%n",
              sweep.cells().size(),
              groups);
      command.err().flush();
    }
  }
}

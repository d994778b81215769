package io.sluice.cli.stream;

import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.StopSignal;
import io.sluice.cli.console.TrainingProgress;
import io.sluice.engine.EngineFactory;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Device;
import io.sluice.training.config.Schedule;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.StoppedException;
import io.sluice.training.stream.NotBegunException;
import io.sluice.training.stream.StreamFile;
import io.sluice.training.stream.StreamPlan;
import io.sluice.training.stream.StreamRun;
import io.sluice.training.stream.StreamedRuns;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * Runs the training of {@code sluice train --model} and shows its progress.
 *
 * @param command prints, and refuses options
 * @param out the folder of the stream
 */
public record StreamedTraining(SluiceCommand command, Path out) {
  /** What a new stream trains. */
  public interface Choice {
    /** The hook points that it needs, by names that the model understands. */
    List<String> hooks(LoadedModel model) throws IOException;

    /** What all its runs share. */
    StreamPlan.Rule rule();

    /** The runs. */
    List<StreamRun> runs(LoadedModel model, StreamPlan plan) throws IOException;
  }

  /**
   * Begins and trains.
   *
   * @param engine kind and device of {@code engines}
   * @return how each run has ended
   */
  public List<StreamedRuns.Outcome> start(
      StreamOptions options, Device usual, Choice choice, EngineFactory engines, String engine)
      throws IOException {
    try (LoadedModel model = options.open(command, usual)) {
      CaptureSpec spec = options.spec(command, model, choice.hooks(model));
      StreamStart start = new StreamStart(command, out);
      StreamPlan plan = start.plan(options, model, spec, choice.rule());
      List<StreamRun> runs = choice.runs(model, plan);
      start.requireDisk(plan, "make room or give a smaller --buffer");
      start.tell("train", plan, choice.rule().batch());
      List<String> words = options.words(command, spec, model);
      long begin = System.nanoTime();
      try (StopSignal signal = StopSignal.listen();
          StreamedRuns started =
              StreamedRuns.start(plan, runs, words, engines, engine, out, signal::hasArrived)) {
        return train(started, runs.getFirst().config(), signal, begin);
      } catch (NotBegunException e) {
        throw start.notBegun("train", e, "nothing is left of it");
      }
    }
  }

  /**
   * Resumes.
   *
   * @param engines makes those of a kind and a device
   * @return how each run has ended
   */
  public List<StreamedRuns.Outcome> resume(Function<String, EngineFactory> engines)
      throws IOException {
    StreamFile file = StreamFile.read(out);
    StreamOptions options = StreamOptions.read(file.options(), out.resolve(StreamFile.NAME));
    TrainingConfig config = file.runs().getFirst().config();
    try (LoadedModel model = options.open(command, Device.CPU)) {
      StreamPlan.Rule rule =
          new StreamPlan.Rule(
              config.schedule().batch(),
              config.heldOut(),
              config.dataSeed(),
              config.fromPosition());
      StreamStart start = new StreamStart(command, out);
      StreamPlan plan =
          start.plan(options, model, options.spec(command, model, file.hooks()), rule);
      start.requireDisk(plan, "make room");
      start.tell("train", plan, rule.batch());
      EngineFactory made = engines.apply(file.engine());
      long begin = System.nanoTime();
      try (StopSignal signal = StopSignal.listen();
          StreamedRuns resumed = StreamedRuns.resume(plan, file, made, out, signal::hasArrived)) {
        return train(resumed, config, signal, begin);
      } catch (NotBegunException e) {
        throw start.notBegun("train", e, "its checkpoints stay");
      }
    }
  }

  private List<StreamedRuns.Outcome> train(
      StreamedRuns runs, TrainingConfig config, StopSignal signal, long begin) throws IOException {
    Schedule schedule = config.schedule();
    long tokens = (schedule.steps() - runs.step()) * schedule.batch();
    try (Progress progress =
        command.progress("train", schedule.steps() * schedule.batch(), "tokens")) {
      progress.startingAt(runs.step() * schedule.batch());
      List<StreamedRuns.Outcome> outcomes =
          runs.run(new TrainingProgress(progress, (step, seen) -> seen, signal));
      progress.done();
      double seconds = (System.nanoTime() - begin) / 1e9;
      command
          .err()
          .printf(
              Locale.ROOT,
              "train: %,d tokens in %.1f s, %,.0f tokens/s, with the model and the start%n",
              tokens,
              seconds,
              tokens / seconds);
      return outcomes;
    } catch (StoppedException e) {
      command.printHowToContinue(e, "train --resume --out " + out);
      throw e;
    }
  }
}

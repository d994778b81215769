package io.sluice.training.stream;

import io.sluice.engine.EngineFactory;
import io.sluice.files.AtomicFile;
import io.sluice.training.Trainer;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.DivergedException;
import io.sluice.training.run.RunFolder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.StateFile;
import io.sluice.training.run.StoppedException;
import io.sluice.training.run.TrainingListener;
import io.sluice.training.start.Blueprint;
import io.sluice.training.start.WhiteningMap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * Dictionaries that are trained together while a model runs, in one pass of it. Each is an ordinary
 * run in a folder of its own. Killed at any moment, they end in the same weights when they are
 * resumed on the same engine: what was captured is captured again, to the same bits.
 */
public final class StreamedRuns implements AutoCloseable {
  private final StreamedActivations activations;
  private final StreamFile file;
  private final Path folder;
  private final Map<StreamRun, Trainer> running = new LinkedHashMap<>();
  private final Map<StreamRun, Outcome> ended = new LinkedHashMap<>();

  /**
   * How a run has ended.
   *
   * @param trainer the run, closed; null if it had ended before these were resumed
   * @param result null if it has diverged
   * @param failure why it has; null if it has not
   */
  public record Outcome(StreamRun run, Trainer trainer, RunResult result, String failure) {}

  private StreamedRuns(StreamedActivations activations, StreamFile file, Path folder) {
    this.activations = activations;
    this.file = file;
    this.folder = folder;
  }

  /**
   * Begins runs: captures the first window and estimates where each starts.
   *
   * @param runs what is trained; their batches, steps, data seeds, first positions and held-out
   *     shares are those that were planned with
   * @param options how to find the model, the texts and the buffer again, as words
   * @param engine how {@code engines} are called: kind and device
   * @param folder created if necessary; may hold no run
   * @param stops asks to give up
   * @throws IOException if the folder holds a run or is in use, the capture fails, or data is not
   *     finite; the folder is then as before
   * @throws IllegalArgumentException if a configuration does not fit its hook points, the engine or
   *     the memory
   * @throws NotBegunException if it was asked to
   */
  public static StreamedRuns start(
      StreamPlan plan,
      List<StreamRun> runs,
      List<String> options,
      EngineFactory engines,
      String engine,
      Path folder,
      BooleanSupplier stops)
      throws IOException {
    for (StreamRun run : runs) {
      Blueprint blueprint = Blueprint.of(run.config(), plan.withoutRows(folder));
      blueprint.requireEngine(engines);
      blueprint.requireMemory(engines);
    }
    if (StreamFile.isIn(folder)
        || Files.exists(folder.resolve(RunFolder.DESCRIPTION))
        || Files.exists(folder.resolve(RunFolder.SWEEP))) {
      throw new IOException(
          folder + ": holds a run already; continue it with --resume, or choose another folder");
    }
    StreamFile file = StreamFile.of(plan, options, engine, runs);
    boolean made = !Files.exists(folder);
    StreamedRuns started = null;
    boolean whole = false;
    try {
      started = open(plan, file, folder, false, stops);
      for (StreamRun run : runs) {
        started.running.put(run, started.begin(run, engines));
      }
      whole = true;
      return started;
    } finally {
      if (!whole) {
        if (started != null) {
          started.giveUp();
        }
        if (made) {
          StreamFile.deleteIfEmpty(folder);
        }
      }
    }
  }

  private static StreamedRuns open(
      StreamPlan plan, StreamFile file, Path folder, boolean resumed, BooleanSupplier stops)
      throws IOException {
    List<TrainingConfig> configs = file.runs().stream().map(StreamRun::config).toList();
    return new StreamedRuns(
        StreamedActivations.open(plan, folder, file, configs, resumed, stops), file, folder);
  }

  private Trainer begin(StreamRun run, EngineFactory engines) throws IOException {
    return Trainer.start(
        activations, run.config(), engines, run.name(), folder.resolve(run.folder()));
  }

  /**
   * Resumes runs from their newest checkpoints.
   *
   * @param plan made from what {@code file} says
   * @param file that of the folder
   * @throws IOException if the texts, the model or a folder are not what they were, a run is in
   *     use, or all have ended
   */
  public static StreamedRuns resume(
      StreamPlan plan, StreamFile file, EngineFactory engines, Path folder, BooleanSupplier stops)
      throws IOException {
    file.requireFit(plan, folder);
    requireUnfinished(file, folder);
    StreamedRuns resumed = open(plan, file, folder, true, stops);
    boolean whole = false;
    try {
      AtomicFile.deleteLeftovers(folder);
      for (StreamRun run : file.runs()) {
        Path own = folder.resolve(run.folder());
        RunResult result = RunFolder.result(own);
        if (result != null) {
          resumed.ended.put(run, new Outcome(run, null, result, null));
        } else if (Files.exists(own.resolve(RunFolder.DESCRIPTION))) {
          resumed.running.put(run, Trainer.resume(resumed.activations, engines, own));
        } else {
          resumed.running.put(run, resumed.begin(run, engines));
        }
      }
      whole = true;
      return resumed;
    } finally {
      if (!whole) {
        resumed.close();
      }
    }
  }

  /**
   * Bytes on the disk that runs have left in their buffer when they were killed; a resumed run
   * deletes them.
   */
  public static long bufferBytes(Path folder) throws IOException {
    return StreamedActivations.bufferBytes(folder);
  }

  /**
   * Refuses runs that all have their results. What those that have left if they were killed right
   * after that is deleted.
   *
   * @param file that of the folder
   * @throws IOException if they do, or something cannot be deleted
   */
  public static void requireUnfinished(StreamFile file, Path folder) throws IOException {
    if (file.runs().isEmpty()) {
      throw new IOException(
          folder + ": holds no runs but a sweep; continue it with 'sluice sweep --resume'");
    }
    boolean left = false;
    for (StreamRun run : file.runs()) {
      left |= !hasEnded(run, folder.resolve(run.folder()));
    }
    if (!left) {
      StreamedActivations.deleteBuffer(folder);
      throw new IOException(folder + ": this run is complete; there is nothing to resume");
    }
  }

  /** Whether a run has its result; deletes what it has left if it was killed right after that. */
  private static boolean hasEnded(StreamRun run, Path own) throws IOException {
    if (RunFolder.result(own) == null) {
      return false;
    }
    int kept = run.config().schedule().keepCheckpoints();
    try (RunFolder ended = RunFolder.reopen(own)) {
      ended.deleteCheckpointsBut(kept);
      if (kept == 0) {
        Files.deleteIfExists(own.resolve(WhiteningMap.FILE));
      }
    }
    return true;
  }

  /** The trainers of runs that have not ended. */
  public Map<StreamRun, Trainer> running() {
    return Map.copyOf(running);
  }

  /** The step of the run that is furthest behind. */
  public long step() {
    return running.values().stream().mapToLong(Trainer::step).min().orElse(0);
  }

  /**
   * Trains to the last step, and saves each dictionary into the folder of its run.
   *
   * @return how each run has ended, in order
   * @throws IOException if the capture fails, data is not finite or writing fails; there is then a
   *     checkpoint if one can be written
   * @throws DivergedException if the only run diverges
   * @throws StoppedException if the listener requested it
   */
  public List<Outcome> run(TrainingListener listener) throws IOException {
    try {
      train(listener);
    } catch (IOException e) {
      throw interrupted(e);
    }
    return file.runs().stream().map(ended::get).toList();
  }

  private void train(TrainingListener listener) throws IOException {
    endThoseAtTheirEnd();
    while (!running.isEmpty()) {
      long step = step();
      TrainingConfig config = file.runs().getFirst().config();
      if (!activations.prepare(config, step, listener::stops) || listener.stops()) {
        checkpoint();
        throw new StoppedException("stopped after %s steps, with a checkpoint".formatted(step));
      }
      for (StreamRun run : List.copyOf(running.keySet())) {
        // Runs whose checkpoints were newer than others' wait for these.
        if (running.get(run).step() == step) {
          advance(run, listener);
        }
      }
      endThoseAtTheirEnd();
    }
  }

  /** Keeps what can be kept, and says how to continue. */
  private IOException interrupted(IOException why) throws IOException {
    // Shards go first: they may be what has filled the disk.
    activations.close();
    String kept = "there is a checkpoint of step " + step() + ", and";
    String from = "continues from it";
    try {
      if (running.values().stream().allMatch(Trainer::isBetweenSteps)) {
        checkpoint();
      } else {
        kept = "";
      }
    } catch (IOException | DivergedException full) {
      kept = "";
    }
    if (kept.isEmpty()) {
      from = "continues from the checkpoint before";
      for (StreamRun run : running.keySet()) {
        if (StateFile.list(folder.resolve(run.folder())).isEmpty()) {
          from = "begins again";
        }
      }
    }
    return new IOException(
        "%s; %s --resume --out %s %s"
            .formatted(why.getMessage(), kept, folder, from)
            .replace(";  ", "; "),
        why);
  }

  private void advance(StreamRun run, TrainingListener listener) throws IOException {
    try {
      running.get(run).advance(listener);
    } catch (DivergedException e) {
      giveUp(run, e);
    }
  }

  private void checkpoint() throws IOException {
    for (StreamRun run : List.copyOf(running.keySet())) {
      try {
        running.get(run).checkpoint();
      } catch (DivergedException e) {
        giveUp(run, e);
      }
    }
  }

  private void giveUp(StreamRun run, DivergedException why) throws IOException {
    if (file.runs().size() == 1) {
      throw why;
    }
    Trainer trainer = running.remove(run);
    trainer.close();
    ended.put(run, new Outcome(run, trainer, null, why.getMessage()));
  }

  private void endThoseAtTheirEnd() throws IOException {
    if (running.values().stream().allMatch(Trainer::atEnd)) {
      // What it has on the disk may be the room that the dictionaries need.
      activations.close();
    }
    for (StreamRun run : List.copyOf(running.keySet())) {
      if (running.get(run).atEnd()) {
        try {
          Trainer trainer = running.get(run);
          ended.put(run, new Outcome(run, trainer, trainer.finish(), null));
          running.remove(run);
          trainer.close();
        } catch (DivergedException e) {
          giveUp(run, e);
        }
      }
    }
  }

  /** Deletes what was made in folders in which runs could not be started. */
  private void giveUp() throws IOException {
    for (Trainer trainer : running.values()) {
      trainer.giveUp();
    }
    running.clear();
    close();
    Files.deleteIfExists(folder.resolve(StreamFile.NAME));
  }

  @Override
  public void close() throws IOException {
    try (activations) {
      for (Trainer trainer : running.values()) {
        trainer.close();
      }
    }
  }
}

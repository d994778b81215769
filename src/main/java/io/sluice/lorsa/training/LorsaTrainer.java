package io.sluice.lorsa.training;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.lorsa.ContextFeed;
import io.sluice.lorsa.Lorsa;
import io.sluice.lorsa.LorsaConfig;
import io.sluice.lorsa.LorsaSums;
import io.sluice.lorsa.engine.LorsaBatch;
import io.sluice.lorsa.engine.LorsaEngine;
import io.sluice.lorsa.engine.LorsaResult;
import io.sluice.lorsa.engine.LorsaWeights;
import io.sluice.model.LayerAttention;
import io.sluice.store.Contexts;
import io.sluice.store.HeldOut;
import io.sluice.torch.Device;
import io.sluice.torch.TensorScope;
import io.sluice.training.config.Schedule;
import io.sluice.training.run.DivergedException;
import io.sluice.training.run.RunFolder;
import io.sluice.training.run.RunLoop;
import io.sluice.training.run.RunPosition;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.RunRows;
import io.sluice.training.run.RunStore;
import io.sluice.training.run.StateFile;
import io.sluice.training.run.StoppedException;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.stream.IntStream;

/**
 * Trains one Lorsa on the contexts of a store, in a run folder. Killed at any moment, a run that is
 * {@linkplain #resume resumed} on the same device ends in the same weights, bit for bit.
 */
public final class LorsaTrainer implements AutoCloseable {
  private final Path folder;
  private final LorsaTrainingConfig config;
  private final Contexts contexts;
  private final HeldOut heldOut;
  private final ContextFeed feed;
  private final Device device;
  private final RunLoop loop;

  private LorsaConfig form;
  private LorsaEngine engine;
  private LorsaStartingPoint start;

  private LorsaTrainer(
      RunFolder folder, LorsaTrainingConfig config, Contexts contexts, String name, Device device)
      throws IOException {
    this.folder = folder.path();
    this.config = config;
    this.contexts = contexts;
    this.heldOut = heldOut(config, contexts);
    this.feed = feed(contexts.where(row -> !heldOut.holds(row)), config, device);
    this.device = device;
    this.loop = new RunLoop(folder, name, config.schedule(), new Run());
  }

  private static HeldOut heldOut(LorsaTrainingConfig config, Contexts contexts) throws IOException {
    return contexts.store().heldOut(config.heldOut(), config.seed(), config.fromPosition());
  }

  private static ContextFeed feed(Contexts contexts, LorsaTrainingConfig config, Device device) {
    return new ContextFeed(
        contexts, config.inputHook(), config.outputHook(), config.fromPosition(), device);
  }

  /**
   * Begins a run.
   *
   * @param attention of the layer that the hook points belong to; needed only to start
   * @param name the name of the run in reports
   * @param folder the run's folder; created if necessary, and may not hold a run
   * @throws IOException if the folder holds a run or is in use, or data is not finite
   * @throws IllegalArgumentException if the store has no such hook points, or the configuration
   *     does not fit the attention or the widths
   */
  public static LorsaTrainer start(
      Contexts contexts,
      LayerAttention attention,
      LorsaTrainingConfig config,
      Device device,
      String name,
      Path folder)
      throws IOException {
    feed(contexts, config, device);
    LorsaTrainingConfig whole = config;
    if (config.schedule().deadWindow() == 0) {
      long perStep = contexts.rows() / contexts.count() * config.schedule().batch();
      long run = config.schedule().steps() * perStep;
      whole = config.withSchedule(config.schedule().withDeadWindow(Schedule.usualDeadWindow(run)));
    }
    LorsaTrainer trainer =
        new LorsaTrainer(RunFolder.create(folder), whole, contexts, name, device);
    try {
      trainer.begin(attention);
      return trainer;
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      try (trainer) {
        trainer.loop.giveUp();
      }
      throw e;
    }
  }

  /**
   * Resumes a run from its newest checkpoint.
   *
   * @throws IOException if the folder holds no run or is in use, a checkpoint is damaged or there
   *     is none, or the store is another one than the run was started on
   */
  public static LorsaTrainer resume(Contexts contexts, Device device, Path folder)
      throws IOException {
    LorsaTrainer trainer =
        RunFolder.reopen(
            folder,
            (run, description, file) -> {
              JsonNode settings = description.path("config");
              LorsaTrainingConfig config = LorsaSettings.read(settings, file);
              RunStore.requireSame(settings, contexts.store(), file);
              run.requireUnfinished(description);
              RunRows.requireSame(settings, heldOut(config, contexts), file);
              feed(contexts, config, device);
              String name = description.path("name").asText();
              // Read before the trainer exists, which would stay open if this failed.
              LorsaConfig form = LorsaSettings.form(settings, file);
              LorsaTrainer made = new LorsaTrainer(run, config, contexts, name, device);
              made.form = form;
              return made;
            });
    try {
      trainer.continueFromCheckpoint();
      return trainer;
    } catch (IOException | RuntimeException e) {
      trainer.close();
      throw e;
    }
  }

  /** The configuration that a run folder holds, to show or to find its store. */
  public static JsonNode settings(Path folder) throws IOException {
    return RunFolder.settings(folder);
  }

  private void begin(LayerAttention attention) throws IOException {
    LorsaPreparation.Prepared prepared =
        new LorsaPreparation(config, attention, feed, device).prepare();
    engine = prepared.engine();
    start = prepared.start();
    form =
        new LorsaConfig(
            feed.contexts().store().manifest().model(),
            config.inputHook(),
            config.outputHook(),
            config.fromPosition(),
            engine.spec());
    loop.begin();
  }

  private void continueFromCheckpoint() throws IOException {
    if (StateFile.list(folder).isEmpty()) {
      throw new IOException(
          folder + ": has no checkpoint to resume from; start a new run in another folder");
    }
    LorsaMemory.require(form.spec(), device);
    try (Arena arena = Arena.ofConfined()) {
      engine = LorsaEngine.training(LorsaWeights.allocate(arena, form.spec()), device);
    }
    LorsaCheckpoint newest = LorsaCheckpoint.restoreNewest(folder, engine);
    start = newest.start();
    loop.continueAt(newest.position());
  }

  /** The run's configuration. */
  public LorsaTrainingConfig config() {
    return config;
  }

  /** The held-out tokens: never trained on, and measured at the end. */
  public HeldOut heldOut() {
    return heldOut;
  }

  /** Steps done so far. */
  public long step() {
    return loop.step();
  }

  /** The results of the sample before the first step. */
  public LorsaStartingPoint startingPoint() {
    return start;
  }

  /**
   * Trains to the last step, saves the Lorsa into the run folder and removes the checkpoints.
   *
   * @throws IOException if data is not finite (the message names column and row) or writing fails
   * @throws DivergedException if the loss is not finite though the data is
   * @throws StoppedException if the listener requested it
   */
  public RunResult run(TrainingListener listener) throws IOException {
    return loop.run(this::trainStep, listener);
  }

  private void trainStep(long step) throws IOException {
    Schedule schedule = config.schedule();
    try (TensorScope scope = TensorScope.open()) {
      int[] chosen = feed.contexts().shuffled(config.seed(), step - 1, schedule.batch());
      LorsaBatch batch = feed.batch(chosen, start.inputScale(), start.targetScale());
      if (batch.tokens() == 0) {
        return;
      }
      LorsaResult result = engine.accumulate(batch);
      if (!Double.isFinite(result.squaredError())) {
        throw new DivergedException(
            "the loss is %s at step %d, though the activations are finite; try a lower learning rate than %s"
                .formatted(result.squaredError(), step, schedule.learningRate()));
      }
      engine.markFired(loop.addTokens(result.tokens()));
      engine.update(schedule.adam(step));
      loop.addTally(result.squaredError(), result.codes(), result.tokens());
    }
  }

  /** The FVU on what is held out, as {@code sluice lorsa evaluate} finds it; null for none. */
  private Double heldOutFvu() throws IOException {
    if (heldOut.isEmpty()) {
      return null;
    }
    Contexts unseen = contexts.where(heldOut::holds);
    ContextFeed from = feed(unseen, config, device);
    LorsaSums sums = new LorsaSums(from.targetWidth());
    int each = LorsaSums.contextsAtOnce(unseen);
    try (LorsaEngine runs = LorsaEngine.running(lorsa().weights(), device)) {
      for (int first = 0; first < unseen.count(); first += each) {
        int[] chosen = IntStream.range(first, Math.min(first + each, unseen.count())).toArray();
        try (TensorScope scope = TensorScope.open()) {
          LorsaBatch batch = from.batch(chosen, 1, 1);
          sums.add(batch, runs.measure(batch, (head, activation) -> {}));
        }
      }
    }
    return sums.varies() ? Double.valueOf(sums.fvu()) : null;
  }

  /** What the run's life asks of what is trained. */
  private final class Run implements RunLoop.Trained {
    @Override
    public int features() {
      return config.heads();
    }

    @Override
    public int firedSince(long tokens) {
      return engine.firedSince(tokens);
    }

    @Override
    public double variance() {
      return start.variance();
    }

    @Override
    public Double heldOutFvu() throws IOException {
      return loop.atEnd() ? LorsaTrainer.this.heldOutFvu() : null;
    }

    @Override
    public String screen() {
      return null;
    }

    @Override
    public long heldOutTokens() {
      return heldOut.tokens();
    }

    @Override
    public void checkpoint(Path folder, RunPosition position) throws IOException {
      LorsaCheckpoint.of(engine, position, start)
          .write(folder, engine, config.schedule().keepCheckpoints());
    }

    @Override
    public JsonNode settings() {
      return LorsaSettings.write(config, form, start, heldOut, contexts.store());
    }

    @Override
    public void export(Path folder) throws IOException {
      lorsa().save(folder);
    }
  }

  /** The Lorsa as it is now, in the units of the raw activations. */
  public Lorsa lorsa() {
    return LorsaExport.of(form, engine, start);
  }

  @Override
  public void close() throws IOException {
    if (engine != null) {
      engine.close();
    }
    loop.close();
  }
}

package io.sluice.lorsa.training;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.engine.spec.AdamStep;
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
import io.sluice.training.TrainingListener;
import io.sluice.training.config.Schedule;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.DivergedException;
import io.sluice.training.run.Metrics;
import io.sluice.training.run.RunFolder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.RunRows;
import io.sluice.training.run.StoppedException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;

/**
 * Trains one Lorsa on the contexts of a store, in a run folder. Killed at any moment, a run that is
 * {@linkplain #resume resumed} on the same device ends in the same weights, bit for bit.
 */
public final class LorsaTrainer implements AutoCloseable {
  private final RunFolder folder;
  private final LorsaTrainingConfig config;
  private final Contexts contexts;
  private final HeldOut heldOut;
  private final ContextFeed feed;
  private final String name;
  private final Device device;

  private LorsaConfig form;
  private LorsaEngine engine;
  private LorsaStartingPoint start;
  private long step;
  private long tokens;
  private double secondsBefore;
  private long startedNanos;
  private LorsaResult tally = LorsaResult.NONE;

  private LorsaTrainer(
      RunFolder folder, LorsaTrainingConfig config, Contexts contexts, String name, Device device)
      throws IOException {
    this.folder = folder;
    this.config = config;
    this.contexts = contexts;
    this.heldOut = heldOut(config, contexts);
    this.feed = feed(contexts.where(row -> !heldOut.holds(row)), config, device);
    this.name = name;
    this.device = device;
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
   * @param name what the run is called in reports
   * @param folder the run's folder; made if need be, and may not hold a run
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
      long perStep = contexts.rows() / contexts.count() * config.schedule().contexts();
      long run = config.schedule().steps() * perStep;
      whole =
          config.withSchedule(
              config.schedule().withDeadWindow(TrainingConfig.usualDeadWindow(run)));
    }
    LorsaTrainer trainer =
        new LorsaTrainer(RunFolder.create(folder), whole, contexts, name, device);
    try {
      trainer.begin(attention);
      return trainer;
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      try (trainer) {
        trainer.folder.giveUp();
      }
      throw e;
    }
  }

  /**
   * Takes up a run where its newest checkpoint left it.
   *
   * @throws IOException if the folder holds no run or is in use, a checkpoint is damaged or there
   *     is none, or the store is another one than the run was started on
   */
  public static LorsaTrainer resume(Contexts contexts, Device device, Path folder)
      throws IOException {
    RunFolder run = RunFolder.reopen(folder);
    LorsaTrainer trainer = null;
    try {
      Path file = folder.resolve("run.json");
      JsonNode description = run.description();
      JsonNode settings = description.path("config");
      LorsaTrainingConfig config = LorsaSettings.read(settings, file);
      LorsaSettings.requireSame(settings, contexts.store(), file);
      if (description.has("result")) {
        throw new IOException(folder + ": this run is complete; there is nothing to resume");
      }
      RunRows.requireSame(settings, heldOut(config, contexts), file);
      feed(contexts, config, device);
      trainer = new LorsaTrainer(run, config, contexts, description.path("name").asText(), device);
      trainer.form = LorsaSettings.form(settings, file);
      trainer.goOn();
      return trainer;
    } catch (IOException | RuntimeException e) {
      if (trainer != null) {
        trainer.close();
      } else {
        run.close();
      }
      throw e;
    }
  }

  /** The configuration that a run folder holds, to show or to find its store. */
  public static JsonNode settings(Path folder) throws IOException {
    try (RunFolder run = RunFolder.reopen(folder)) {
      return run.description().path("config");
    }
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
    folder.clear();
    // The description comes last: a folder without one is free for another try.
    if (config.schedule().checkpointEvery() > 0) {
      checkpoint();
    }
    describe(null);
  }

  private void goOn() throws IOException {
    Path newest = LorsaCheckpoint.newest(folder);
    if (newest == null) {
      throw new IOException(
          folder.path() + ": has no checkpoint to resume from; start a new run in another folder");
    }
    try (Arena arena = Arena.ofConfined()) {
      engine = LorsaEngine.training(LorsaWeights.allocate(arena, form.spec()), device);
    }
    LorsaCheckpoint last = LorsaCheckpoint.restore(newest, engine);
    step = last.step();
    tokens = last.tokens();
    secondsBefore = last.seconds();
    start = last.start();
    tally = last.tally();
    folder.forgetMetricsAfter(step);
  }

  /** The run's configuration. */
  public LorsaTrainingConfig config() {
    return config;
  }

  /** What the run keeps apart: it is never trained on, and measured at the end. */
  public HeldOut heldOut() {
    return heldOut;
  }

  /** Steps done so far. */
  public long step() {
    return step;
  }

  /** What the sample said before the first step. */
  public LorsaStartingPoint startingPoint() {
    return start;
  }

  /**
   * Trains to the last step, saves the Lorsa into the run folder and removes the checkpoints.
   *
   * @param listener told of steps and metrics; {@link TrainingListener#started} is not called
   * @throws IOException if data is not finite (the message names column and row) or writing fails
   * @throws DivergedException if the loss is not finite though the data is
   * @throws StoppedException if the listener has asked for it
   */
  public RunResult run(TrainingListener listener) throws IOException {
    Schedule schedule = config.schedule();
    startedNanos = System.nanoTime();
    long measuredNanos = startedNanos;
    long measuredTokens = tokens;
    Metrics last = null;
    while (step < schedule.steps()) {
      trainStep();
      listener.stepped(step, tokens);
      boolean end = step == schedule.steps();
      if (step % schedule.logEvery() == 0 || end) {
        long now = System.nanoTime();
        double speed = (tokens - measuredTokens) * 1e9 / (now - measuredNanos);
        Double unseen = end ? heldOutFvu() : null;
        // Measuring is no training.
        startedNanos += System.nanoTime() - now;
        last = measure(speed, unseen);
        measuredNanos = System.nanoTime();
        measuredTokens = tokens;
        folder.append(last);
        listener.measured(last);
      }
      if (schedule.checkpointEvery() > 0 && (step % schedule.checkpointEvery() == 0 || end)) {
        checkpoint();
      }
      if (!end && listener.stops()) {
        checkpoint();
        throw new StoppedException(
            "stopped after %d of %d steps, with a checkpoint".formatted(step, schedule.steps()));
      }
    }
    return finish(last);
  }

  private void trainStep() throws IOException {
    Schedule schedule = config.schedule();
    try (TensorScope scope = TensorScope.open()) {
      int[] chosen = feed.contexts().shuffled(config.seed(), step, schedule.contexts());
      LorsaBatch batch = feed.batch(chosen, start.inputScale(), start.targetScale());
      step++;
      if (batch.tokens() == 0) {
        return;
      }
      LorsaResult result = engine.accumulate(batch);
      if (!Double.isFinite(result.squaredError())) {
        throw new DivergedException(
            "the loss is %s at step %d, though the activations are finite; try a lower learning rate than %s"
                .formatted(result.squaredError(), step, schedule.learningRate()));
      }
      tokens += result.tokens();
      engine.markFired(tokens);
      engine.update(
          new AdamStep(
              step,
              schedule.learningRate(step),
              schedule.beta1(),
              schedule.beta2(),
              schedule.epsilon()));
      tally = tally.plus(result);
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

  private Metrics measure(double tokensPerSecond, Double unseen) {
    long counted = Math.max(1, tally.tokens());
    double loss = tally.squaredError() / counted;
    long window = config.schedule().deadWindow();
    Metrics metrics =
        new Metrics(
            step,
            tokens,
            loss,
            loss / start.variance(),
            unseen,
            (double) tally.codes() / counted,
            1 - (double) engine.firedSince(tokens - window) / config.heads(),
            window,
            config.schedule().learningRate(step),
            tokensPerSecond,
            seconds());
    tally = LorsaResult.NONE;
    return metrics;
  }

  private double seconds() {
    return startedNanos == 0
        ? secondsBefore
        : secondsBefore + (System.nanoTime() - startedNanos) / 1e9;
  }

  private void checkpoint() throws IOException {
    new LorsaCheckpoint(device.toString(), step, tokens, seconds(), start, tally)
        .write(folder, engine);
  }

  private RunResult finish(Metrics last) throws IOException {
    lorsa().save(folder.path());
    Metrics end = last == null ? folder.lastMetrics() : last;
    RunResult result =
        new RunResult(
            step,
            tokens,
            end.heldOutFvu(),
            heldOut.tokens(),
            end.fvu(),
            RunResult.stepsOfLastLine(step, config.schedule().logEvery()),
            end.l0(),
            end.deadFraction(),
            end.deadWindowTokens(),
            end.loss(),
            tokens / seconds(),
            seconds());
    describe(result);
    for (Path checkpoint : folder.checkpoints()) {
      Files.deleteIfExists(checkpoint);
    }
    return result;
  }

  private void describe(RunResult result) throws IOException {
    folder.describe(
        name, LorsaSettings.write(config, form, start, heldOut, contexts.store()), result);
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
    folder.close();
  }
}

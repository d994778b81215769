package io.sluice.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.SiteFeed;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.arithmetic.NonFiniteCodeException;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.simd.NonFiniteWeightsException;
import io.sluice.store.ActivationStore;
import io.sluice.store.HeldOut;
import io.sluice.training.config.PenaltyConfig;
import io.sluice.training.config.Schedule;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.DivergedException;
import io.sluice.training.run.RunFolder;
import io.sluice.training.run.RunLoop;
import io.sluice.training.run.RunPosition;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.RunRows;
import io.sluice.training.run.StateFile;
import io.sluice.training.run.StoppedException;
import io.sluice.training.run.TrainingListener;
import io.sluice.training.start.Blueprint;
import io.sluice.training.start.Preparation;
import io.sluice.training.start.SharedSample;
import io.sluice.training.start.StartingPoint;
import io.sluice.training.start.WhiteningMap;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Trains one sparse dictionary on a store, in a run folder. Killed at any moment, a run that is
 * {@linkplain #resume resumed} on the same engine ends in the same weights, bit for bit.
 */
public final class Trainer implements AutoCloseable {
  /** Inputs that dead features are drawn from. */
  private static final int RESAMPLING_ROWS = 8192;

  private final Path folder;
  private final Activations activations;
  private final TrainingConfig config;
  private final EngineFactory engines;
  private final Blueprint blueprint;
  private final SharedSample sample;
  private final HeldOut heldOut;
  private final RunLoop loop;

  private Engine engine;
  private WindowFeed feed;

  /** The map between the activations and the engine, or null. */
  private WhiteningMap map;

  private StartingPoint start;
  private StepResults results;
  private PenaltyAnnealing annealing = new PenaltyAnnealing();

  private Trainer(
      RunFolder folder,
      Activations activations,
      TrainingConfig config,
      EngineFactory engines,
      String name,
      SharedSample sample)
      throws IOException {
    this.folder = folder.path();
    this.activations = activations;
    this.config = config;
    this.engines = engines;
    this.blueprint = Blueprint.of(config, activations.first());
    this.sample = sample;
    this.heldOut = config.heldOut(activations.first());
    this.loop = new RunLoop(folder, name, config.schedule(), new Run());
    this.results = new StepResults(config, loop, new RunningThreshold());
  }

  /**
   * Begins a run.
   *
   * @param name the name of the run in reports
   * @param folder the run's folder; created if necessary, and may not hold a run
   * @throws IOException if the folder holds a run or is in use, or data is not finite
   * @throws IllegalArgumentException if the store has no such hook point (the message lists those
   *     it has), or the configuration does not fit its width
   */
  public static Trainer start(
      ActivationStore store, TrainingConfig config, EngineFactory engines, String name, Path folder)
      throws IOException {
    return start(Activations.of(store), config, engines, name, folder, null);
  }

  /** As the other, on activations that need not be those of a store. */
  public static Trainer start(
      Activations activations,
      TrainingConfig config,
      EngineFactory engines,
      String name,
      Path folder)
      throws IOException {
    return start(activations, config, engines, name, folder, null);
  }

  /** As the other, with a sample that others may have taken; null for none. */
  public static Trainer start(
      Activations activations,
      TrainingConfig config,
      EngineFactory engines,
      String name,
      Path folder,
      SharedSample sample)
      throws IOException {
    Blueprint blueprint = Blueprint.of(config, activations.first());
    blueprint.requireEngine(engines);
    blueprint.requireMemory(engines);
    Trainer trainer =
        new Trainer(RunFolder.create(folder), activations, config, engines, name, sample);
    try {
      trainer.begin();
      return trainer;
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      try (trainer) {
        Files.deleteIfExists(folder.resolve(WhiteningMap.FILE));
        trainer.loop.giveUp();
      }
      throw e;
    }
  }

  /**
   * Resumes a run from its newest checkpoint, or from the start if it has none.
   *
   * @throws IOException if the folder holds no run or is in use, a checkpoint is damaged, or the
   *     store is another one than the run was started on
   */
  public static Trainer resume(ActivationStore store, EngineFactory engines, Path folder)
      throws IOException {
    return resume(Activations.of(store), engines, folder, null);
  }

  /** As the other, on activations that need not be those of a store. */
  public static Trainer resume(Activations activations, EngineFactory engines, Path folder)
      throws IOException {
    return resume(activations, engines, folder, null);
  }

  /** As the other, with a sample that others may have taken; null for none. */
  public static Trainer resume(
      Activations activations, EngineFactory engines, Path folder, SharedSample sample)
      throws IOException {
    Trainer trainer =
        RunFolder.reopen(
            folder,
            (run, description, file) -> {
              JsonNode settings = description.path("config");
              activations.requireSame(settings, file);
              TrainingConfig config = Settings.read(settings, file);
              RunRows.requireSame(settings, config.heldOut(activations.first()), file);
              Blueprint blueprint = Blueprint.of(config, activations.first());
              blueprint.requireEngine(engines);
              blueprint.requireMemory(engines);
              run.requireUnfinished(description);
              String name = description.path("name").asText();
              return new Trainer(run, activations, config, engines, name, sample);
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
    JsonNode config = RunFolder.settings(folder);
    if (config.has("lorsa")) {
      throw new IOException(
          folder + ": is the run of a Lorsa; continue with 'sluice lorsa train --resume'");
    }
    return config;
  }

  private void begin() throws IOException {
    Preparation.Prepared prepared =
        new Preparation(activations.first(), blueprint, sample).prepare(engines);
    engine = prepared.engine();
    start = prepared.start();
    map = prepared.map();
    if (map != null) {
      map.write(folder);
    }
    loop.begin();
  }

  private void continueFromCheckpoint() throws IOException {
    if (config.remedies().mapInput() && !StateFile.list(folder).isEmpty()) {
      map = WhiteningMap.read(folder, blueprint.inputWidth());
    }
    Blueprint inside = map == null ? blueprint : blueprint.within(map.inside());
    requireRoom(inside);
    engine = inside.openEmpty(engines);
    Checkpoint newest = Checkpoint.restoreNewest(folder, engine);
    if (newest == null) {
      engine.close();
      begin();
      return;
    }
    start = newest.start().ofAutoencoder(config.hook());
    results = new StepResults(config, loop, newest.threshold());
    annealing = newest.annealing();
    loop.continueAt(newest.position());
  }

  /** Refuses a configuration of more parameters than any checkpoint has, before they are made. */
  private void requireRoom(Blueprint inside) throws IOException {
    List<Path> checkpoints = StateFile.list(folder);
    long most = 0;
    for (Path checkpoint : checkpoints) {
      most = Math.max(most, Files.size(checkpoint));
    }
    if (!checkpoints.isEmpty() && most < inside.parameterBytes()) {
      throw new IOException(
          "%s: its %d features take %d bytes, but the largest checkpoint has only %d; restore it"
              .formatted(
                  folder.resolve(RunFolder.DESCRIPTION),
                  config.features(),
                  inside.parameterBytes(),
                  most));
    }
  }

  /** The run's configuration. */
  public TrainingConfig config() {
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
  public StartingPoint startingPoint() {
    return start;
  }

  /** The map between the activations and the engine; null if nothing does. */
  public WhiteningMap map() {
    return map;
  }

  /** The engine that trains; in whitened or constrained training it sees mapped activations. */
  public Engine engine() {
    return engine;
  }

  /**
   * Trains to the last step, saves the dictionary into the run folder and removes the checkpoints.
   *
   * @throws IOException if data is not finite (the message names column and row) or writing fails
   * @throws DivergedException if the loss is not finite though the data is
   * @throws StoppedException if the listener requested it
   */
  public RunResult run(TrainingListener listener) throws IOException {
    RunResult result = loop.run(step -> trainStep(step, feed().next(step - 1)), listener);
    feed().close();
    forgetMap();
    return result;
  }

  /** Writes a checkpoint now, independently of the configured interval. */
  public void checkpoint() throws IOException {
    loop.checkpoint();
  }

  /** Whether a checkpoint can be written now; false after a step that has failed. */
  public boolean isBetweenSteps() {
    return loop.isBetweenSteps();
  }

  /** Whether the last step is done. */
  public boolean atEnd() {
    return loop.atEnd();
  }

  /**
   * Runs the next step.
   *
   * @throws IOException as {@link #run}
   * @throws DivergedException as {@link #run}
   */
  public void advance(TrainingListener listener) throws IOException {
    loop.advance(step -> trainStep(step, feed().next(step - 1)), listener);
  }

  /** The batches of training. */
  private WindowFeed feed() {
    if (feed == null) {
      feed =
          new WindowFeed(
              activations,
              config,
              start,
              engines.wantsBatchesAhead(),
              // What a map makes of a batch is not known yet.
              map == null ? pair -> engine.prepare(pair.input(), pair.target()) : pair -> {});
    }
    return feed;
  }

  /** One step of an autoencoder on unscaled activations that several runs share. */
  public void advance(Rows raw) throws IOException {
    float scale = (float) start.inputs().getFirst().scale();
    Rows seen = new Rows(raw.memory(), raw.dtype(), raw.count(), raw.width(), scale);
    SiteFeed.Pair pair = new SiteFeed.Pair(seen, seen);
    loop.advance(step -> trainStep(step, pair), TrainingListener.NONE);
  }

  /** The training step. */
  private void trainStep(long step, SiteFeed.Pair raw) throws IOException {
    SiteFeed.Pair batch = map == null ? raw : mapped(raw.input());
    try {
      engine.encode(batch.input(), config.activation(step));
    } catch (NonFiniteWeightsException | NonFiniteCodeException e) {
      // The loss of a step before may say it first.
      results.read(engine);
      throw results.diverged(e.getMessage(), step);
    }
    int rows = batch.input().count();
    if (map == null) {
      boolean due = results.leave(step, rows);
      if (engine.decodeForTraining(batch.target()) || due) {
        results.read(engine);
      }
    } else {
      decodeMapped(batch.target(), step, rows);
    }
    long tokens = loop.addTokens(rows);
    engine.markFired(tokens);
    if (config.sparsity().activation().isPenalised()) {
      PenaltyConfig penalty = config.sparsity().penalty();
      double weight = penalty.weight(step) * annealing.factor();
      annealing.look(engine, penalty, step);
      engine.penalise(penalty.penalty(step), weight);
    }
    if (config.remedies().usesAuxK()) {
      int k = config.remedies().auxK();
      engine.addDeadFeatureLoss(
          k > 0 ? k : Math.max(1, engine.spec().outputWidth() / 2),
          config.remedies().auxWeight(),
          tokens - config.deadAfter());
    }
    engine.accumulate();
    engine.update(config.schedule().adam(step));
    if (config.remedies().resamplesAfter(step, config.schedule().steps())) {
      results.read(engine);
      resample(step, tokens);
    }
  }

  /** The error of activations needs the reconstruction in host memory. */
  private void decodeMapped(Rows target, long step, int rows) {
    double error = engine.decode(target, true);
    results.requireFinite(error, step);
    results.take(map.squaredError(engine, error), engine.codeCount(), engine.leastScore(), rows);
  }

  /** Follows from the seed and the step alone, so that a resumed run draws the same. */
  private void resample(long step, long tokens) throws IOException {
    Activations.Window window = activations.at(config, step - 1);
    SiteFeed sample =
        feed()
            .open(
                window,
                (int) Math.min(RESAMPLING_ROWS, window.store().rows()),
                config.dataSeed() + (step << 20) + 1);
    SiteFeed.Pair drawn = sample.next();
    Resampling.apply(
        engine,
        map == null ? drawn : mapped(drawn.input()),
        config.activation(step),
        tokens - config.deadAfter(),
        new SplittableRandom(config.seed() ^ step * 0x9e3779b97f4a7c15L)::nextDouble);
  }

  private SiteFeed.Pair mapped(Rows raw) {
    Rows seen = map.apply(raw);
    return new SiteFeed.Pair(seen, seen);
  }

  /** The FVU on what is held out, where a line of metrics is due to have it; else null. */
  private Double heldOutFvu() throws IOException {
    Schedule schedule = config.schedule();
    long tokens = loop.tokens();
    long before = tokens - Math.min(tokens, schedule.logEvery() * schedule.batch());
    if (heldOut.isEmpty() || !atEnd() && !HeldOutMeasure.isDue(heldOut, before, tokens)) {
      return null;
    }
    double fvu = now().fvu(engines, activations.unseen(heldOut));
    return Double.isFinite(fvu) ? Double.valueOf(fvu) : null;
  }

  /** Saves the dictionary into the run folder and removes the checkpoints. */
  public RunResult finish() throws IOException {
    RunResult result = loop.finish();
    forgetMap();
    return result;
  }

  /** Checkpoints that stay need it. */
  private void forgetMap() throws IOException {
    if (config.schedule().keepCheckpoints() == 0) {
      Files.deleteIfExists(folder.resolve(WhiteningMap.FILE));
    }
  }

  /** What the run's life asks of what is trained. */
  private final class Run implements RunLoop.Trained {
    @Override
    public void readResults() {
      results.read(engine);
    }

    @Override
    public int features() {
      return engine.spec().features();
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
      return Trainer.this.heldOutFvu();
    }

    @Override
    public String screen() {
      return engine.screen();
    }

    @Override
    public String precision() {
      DType precision = engine.spec().precision();
      return precision == DType.F32 ? null : precision.label();
    }

    @Override
    public long heldOutTokens() {
      return heldOut.tokens();
    }

    @Override
    public void checkpoint(Path folder, RunPosition position) throws IOException {
      new Checkpoint(position, start, results.threshold(), annealing)
          .write(folder, engine, config.schedule().keepCheckpoints());
    }

    @Override
    public ObjectNode settings() throws IOException {
      ObjectNode settings = Settings.write(config, activations.first(), engine.name());
      activations.describe(settings);
      settings.put("scale", start.scale());
      settings.put("subspaceDimensions", start.subspaceDimensions());
      settings.put("commonNorm", start.commonNorm());
      if (map != null) {
        settings.put("trainedDimensions", start.trainedDimensions());
      }
      return settings;
    }

    @Override
    public void export(Path folder) throws IOException {
      now().save(folder);
    }
  }

  /** The dictionary as it is now, in the units of the raw activations. */
  public Dictionary dictionary() {
    try {
      return now().read(Arena.ofAuto());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The cross-layer transcoder as it is now, in the units of the raw activations.
   *
   * @throws IllegalStateException if the run trains something else
   */
  public CrossLayerDictionary crossLayerDictionary() {
    try {
      return now().readLayers();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private RunDictionary now() {
    return new RunDictionary(
        blueprint,
        engine,
        start,
        map,
        () -> {
          results.read(engine);
          return results.threshold().value();
        });
  }

  /** Ends a run that was started and has made no step, and deletes what was made of it. */
  public void giveUp() throws IOException {
    try (this) {
      Files.deleteIfExists(folder.resolve(WhiteningMap.FILE));
      Files.deleteIfExists(folder.resolve(RunFolder.DESCRIPTION));
      loop.giveUp();
    }
  }

  @Override
  public void close() throws IOException {
    if (feed != null) {
      feed.close();
    }
    if (engine != null) {
      engine.close();
    }
    if (map != null) {
      map.close();
    }
    loop.close();
  }
}

package io.sluice.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.SiteFeed;
import io.sluice.engine.CrossLayerEngine;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.spec.AdamStep;
import io.sluice.memory.Rows;
import io.sluice.simd.NonFiniteWeightsException;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.store.HeldOut;
import io.sluice.training.config.PenaltyConfig;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.DivergedException;
import io.sluice.training.run.Metrics;
import io.sluice.training.run.RunFolder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.RunRows;
import io.sluice.training.run.StoppedException;
import io.sluice.training.start.Blueprint;
import io.sluice.training.start.InputMap;
import io.sluice.training.start.Preparation;
import io.sluice.training.start.SharedSample;
import io.sluice.training.start.StartingPoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;

/**
 * Trains one sparse dictionary on a store, in a run folder. Killed at any moment, a run that is
 * {@linkplain #resume resumed} on the same engine ends in the same weights, bit for bit.
 */
public final class Trainer implements AutoCloseable {
  /** Inputs that dead features are drawn from. */
  private static final int RESAMPLING_ROWS = 8192;

  private final RunFolder folder;
  private final ActivationStore store;
  private final TrainingConfig config;
  private final EngineFactory engines;
  private final String name;
  private final Blueprint blueprint;
  private final SharedSample sample;
  private final HeldOut heldOut;

  private Engine engine;

  /** What stands between the activations and the engine, or null. */
  private InputMap map;

  private StartingPoint start;
  private long step;
  private long tokens;
  private double secondsBefore;

  /** Time spent in this sitting, and since when it runs; 0 where it does not. */
  private long spentNanos;

  private long sinceNanos;

  /** Where the last line of metrics was written. */
  private double measuredSeconds;

  private long measuredTokens;
  private Metrics last;
  private Tally tally = new Tally();
  private RunningThreshold threshold = new RunningThreshold();
  private PenaltyAnnealing annealing = new PenaltyAnnealing();

  private Trainer(
      RunFolder folder,
      ActivationStore store,
      TrainingConfig config,
      EngineFactory engines,
      String name,
      SharedSample sample)
      throws IOException {
    this.folder = folder;
    this.store = store;
    this.config = config;
    this.engines = engines;
    this.name = name;
    this.blueprint = Blueprint.of(config, store);
    this.sample = sample;
    this.heldOut = config.heldOut(store);
  }

  /**
   * Begins a run.
   *
   * @param name what the run is called in reports
   * @param folder the run's folder; made if need be, and may not hold a run
   * @throws IOException if the folder holds a run or is in use, or data is not finite
   * @throws IllegalArgumentException if the store has no such hook point (the message lists those
   *     it has), or the configuration does not fit its width
   */
  public static Trainer start(
      ActivationStore store, TrainingConfig config, EngineFactory engines, String name, Path folder)
      throws IOException {
    return start(store, config, engines, name, folder, null);
  }

  /** As the other, with a sample that others may have taken; null for none. */
  public static Trainer start(
      ActivationStore store,
      TrainingConfig config,
      EngineFactory engines,
      String name,
      Path folder,
      SharedSample sample)
      throws IOException {
    Blueprint.of(config, store).requireMemory(engines);
    Trainer trainer = new Trainer(RunFolder.create(folder), store, config, engines, name, sample);
    try {
      trainer.begin();
      return trainer;
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      try (trainer) {
        trainer.folder.giveUp();
      }
      throw e;
    }
  }

  /**
   * Takes up a run where its newest checkpoint left it, or from the start if it has none.
   *
   * @throws IOException if the folder holds no run or is in use, a checkpoint is damaged, or the
   *     store is another one than the run was started on
   */
  public static Trainer resume(ActivationStore store, EngineFactory engines, Path folder)
      throws IOException {
    return resume(store, engines, folder, null);
  }

  /** As the other, with a sample that others may have taken; null for none. */
  public static Trainer resume(
      ActivationStore store, EngineFactory engines, Path folder, SharedSample sample)
      throws IOException {
    RunFolder run = RunFolder.reopen(folder);
    Trainer trainer = null;
    try {
      Path file = folder.resolve("run.json");
      JsonNode description = run.description();
      Settings.requireSame(description.path("config"), store, file);
      TrainingConfig config = Settings.read(description.path("config"), file);
      RunRows.requireSame(description.path("config"), config.heldOut(store), file);
      Blueprint.of(config, store).requireMemory(engines);
      if (description.has("result")) {
        throw new IOException(folder + ": this run is complete; there is nothing to resume");
      }
      trainer = new Trainer(run, store, config, engines, description.path("name").asText(), sample);
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
      JsonNode config = run.description().path("config");
      if (config.has("lorsa")) {
        throw new IOException(
            folder + ": is the run of a Lorsa; continue with 'sluice lorsa train --resume'");
      }
      return config;
    }
  }

  private void begin() throws IOException {
    folder.clear();
    Preparation.Prepared prepared = new Preparation(store, blueprint, sample).prepare(engines);
    engine = prepared.engine();
    start = prepared.start();
    map = prepared.map();
    if (map != null) {
      map.write(folder.path());
    }
    // The description comes last: a folder without one is free for another try.
    if (config.checkpointEvery() > 0) {
      checkpoint();
    }
    folder.describe(name, settings(), null);
  }

  private void goOn() throws IOException {
    if (config.remedies().mapInput() && !Checkpoint.list(folder.path()).isEmpty()) {
      map = InputMap.read(folder.path(), blueprint.inputWidth());
    }
    Blueprint inside = map == null ? blueprint : blueprint.within(map.inside());
    requireRoom(inside);
    engine = inside.openEmpty(engines);
    Checkpoint newest = Checkpoint.restoreNewest(folder.path(), engine);
    if (newest == null) {
      engine.close();
      begin();
      return;
    }
    step = newest.step();
    tokens = newest.tokens();
    secondsBefore = newest.seconds();
    measuredSeconds = secondsBefore;
    measuredTokens = tokens;
    start = newest.start().ofAutoencoder(config.hook());
    tally = newest.tally();
    threshold = newest.threshold();
    annealing = newest.annealing();
    folder.forgetMetricsAfter(step);
  }

  /** Refuses a configuration of more parameters than any checkpoint has, before they are made. */
  private void requireRoom(Blueprint inside) throws IOException {
    List<Path> checkpoints = Checkpoint.list(folder.path());
    long most = 0;
    for (Path checkpoint : checkpoints) {
      most = Math.max(most, Files.size(checkpoint));
    }
    if (!checkpoints.isEmpty() && most < inside.parameterBytes()) {
      throw new IOException(
          "%s: its %d features take %d bytes, but the largest checkpoint has only %d; restore it"
              .formatted(
                  folder.path().resolve("run.json"),
                  config.features(),
                  inside.parameterBytes(),
                  most));
    }
  }

  private ObjectNode settings() throws IOException {
    ObjectNode settings = Settings.write(config, store, engine.name());
    settings.put("scale", start.scale());
    settings.put("subspaceDimensions", start.subspaceDimensions());
    settings.put("commonNorm", start.commonNorm());
    if (map != null) {
      settings.put("trainedDimensions", start.trainedDimensions());
    }
    return settings;
  }

  /** The run's configuration. */
  public TrainingConfig config() {
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
  public StartingPoint startingPoint() {
    return start;
  }

  /** What stands between the activations and the engine; null if nothing does. */
  public InputMap map() {
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
   * @throws StoppedException if the listener has asked for it
   */
  public RunResult run(TrainingListener listener) throws IOException {
    listener.started(start);
    SiteFeed feed =
        new SiteFeed(
            store,
            BatchPlan.shuffled(
                    SiteFeed.columns(start.inputs(), start.outputs()),
                    config.batch(),
                    config.dataSeed())
                .where(config.rows(store)),
            start.inputs(),
            start.outputs());
    feed.seek(step);
    while (!atEnd()) {
      long began = System.nanoTime();
      advance(feed.next(), began, listener);
      if (!atEnd() && listener.stops()) {
        stop();
        throw new StoppedException(
            "stopped after %d of %d steps, with a checkpoint".formatted(step, config.steps()));
      }
    }
    return finish();
  }

  /** Writes a checkpoint of this moment, whatever the configuration says of them. */
  public void stop() throws IOException {
    checkpoint();
  }

  /** Whether the last step is done. */
  public boolean atEnd() {
    return step >= config.steps();
  }

  /**
   * One step, and what is due after it.
   *
   * @param raw the batch of this step, scaled if no map stands before the engine
   * @param began {@link System#nanoTime} from which the time of this step counts
   */
  public void advance(SiteFeed.Pair raw, long began, TrainingListener listener) throws IOException {
    sinceNanos = began;
    trainStep(raw);
    listener.stepped(step, tokens);
    if (step % config.logEvery() == 0 || atEnd()) {
      double now = seconds();
      long measuring = System.nanoTime();
      Double unseen = heldOutFvu();
      // Measuring is no training.
      sinceNanos += System.nanoTime() - measuring;
      last = measure((tokens - measuredTokens) / (now - measuredSeconds), unseen);
      measuredSeconds = now;
      measuredTokens = tokens;
      folder.append(last);
      listener.measured(last);
    }
    if (config.checkpointEvery() > 0 && (step % config.checkpointEvery() == 0 || atEnd())) {
      checkpoint();
    }
    spentNanos += System.nanoTime() - sinceNanos;
    sinceNanos = 0;
  }

  /** One step of an autoencoder on unscaled activations that several runs share. */
  public void advance(Rows raw) throws IOException {
    float scale = (float) start.inputs().getFirst().scale();
    Rows seen = new Rows(raw.memory(), raw.dtype(), raw.count(), raw.width(), scale);
    advance(new SiteFeed.Pair(seen, seen), System.nanoTime(), TrainingListener.NONE);
  }

  private DivergedException diverged(String what) {
    return new DivergedException(
        "%s at step %d, though the activations are finite; try a lower learning rate than %s"
            .formatted(what, step, config.learningRate()));
  }

  /** The one training step. */
  private void trainStep(SiteFeed.Pair raw) throws IOException {
    step++;
    SiteFeed.Pair batch = map == null ? raw : mapped(raw.input());
    try {
      engine.encode(batch.input(), config.activation(step));
    } catch (NonFiniteWeightsException e) {
      throw diverged(e.getMessage());
    }
    double error = engine.decode(batch.target(), true);
    if (!Double.isFinite(error)) {
      throw diverged("the loss is " + error);
    }
    double ofActivations = map == null ? error : map.squaredError(engine, error);
    int rows = batch.input().count();
    tokens += rows;
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
    engine.update(
        new AdamStep(
            step, config.learningRate(step), config.beta1(), config.beta2(), config.epsilon()));
    if (config.sparsity().activation() instanceof BatchTopK && engine.codeCount() > 0) {
      threshold.add(engine.leastRank());
    }
    tally.add(ofActivations, engine.codeCount(), rows);
    if (config.remedies().resamplesAfter(step, config.steps())) {
      resample();
    }
  }

  /** Follows from the seed and the step alone, so that a resumed run draws the same. */
  private void resample() throws IOException {
    SiteFeed feed =
        new SiteFeed(
            store,
            BatchPlan.shuffled(
                    SiteFeed.columns(start.inputs(), start.outputs()),
                    (int) Math.min(RESAMPLING_ROWS, store.rows()),
                    config.dataSeed() + (step << 20) + 1)
                .where(config.rows(store)),
            start.inputs(),
            start.outputs());
    SiteFeed.Pair drawn = feed.next();
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
    long before = tokens - Math.min(tokens, config.logEvery() * config.batch());
    if (heldOut.isEmpty() || !atEnd() && !HeldOutMeasure.isDue(heldOut, before, tokens)) {
      return null;
    }
    double fvu;
    if (blueprint.isCrossLayer()) {
      CrossLayerDictionary now = crossLayerDictionary();
      try (Engine runs = now.open(engines)) {
        ActivationFunction selection = now.layers().getFirst().config().activation();
        fvu = HeldOutMeasure.fvu(runs, now.inputs(), now.outputs(), selection, store, heldOut);
      }
    } else {
      Dictionary now = dictionary();
      try (Engine runs = now.open(engines)) {
        DictionaryConfig is = now.config();
        ActivationFunction selection = is.activation();
        fvu = HeldOutMeasure.fvu(runs, is.inputs(), is.outputs(), selection, store, heldOut);
      }
    }
    return Double.isFinite(fvu) ? Double.valueOf(fvu) : null;
  }

  private Metrics measure(double tokensPerSecond, Double unseen) {
    double loss = tally.squaredError / tally.rows;
    Metrics metrics =
        new Metrics(
            step,
            tokens,
            loss,
            loss / start.variance(),
            unseen,
            (double) tally.codes / tally.rows,
            deadFraction(),
            config.deadWindow(),
            config.learningRate(step),
            tokensPerSecond,
            seconds());
    tally.clear();
    return metrics;
  }

  private double deadFraction() {
    int alive = engine.firedSince(tokens - config.deadWindow());
    return 1 - (double) alive / engine.spec().features();
  }

  private double seconds() {
    long running = sinceNanos == 0 ? 0 : System.nanoTime() - sinceNanos;
    return secondsBefore + (spentNanos + running) / 1e9;
  }

  private void checkpoint() throws IOException {
    new Checkpoint(step, tokens, seconds(), start, tally, threshold, annealing)
        .write(folder.path(), engine);
  }

  /** Saves the dictionary into the run folder and removes the checkpoints. */
  public RunResult finish() throws IOException {
    if (blueprint.isCrossLayer()) {
      crossLayerDictionary().save(folder.path());
    } else {
      dictionary().save(folder.path());
    }
    double seconds = seconds();
    Metrics end = last == null ? folder.lastMetrics() : last;
    RunResult result =
        new RunResult(
            step,
            tokens,
            end.heldOutFvu(),
            heldOut.tokens(),
            end.fvu(),
            RunResult.stepsOfLastLine(step, config.logEvery()),
            end.l0(),
            end.deadFraction(),
            config.deadWindow(),
            end.loss(),
            tokens / seconds,
            seconds);
    folder.describe(name, settings(), result);
    for (Path checkpoint : Checkpoint.list(folder.path())) {
      Files.deleteIfExists(checkpoint);
    }
    Files.deleteIfExists(folder.path().resolve(InputMap.FILE));
    return result;
  }

  /** The dictionary as it is now, in the units of the raw activations. */
  public Dictionary dictionary() {
    if (blueprint.isCrossLayer()) {
      throw new IllegalStateException("a cross-layer transcoder is several dictionaries");
    }
    return Export.dictionary(blueprint.dictionary(exportedThreshold()), engine, start, map);
  }

  /**
   * The cross-layer transcoder as it is now, in the units of the raw activations.
   *
   * @throws IllegalStateException if the run trains something else
   */
  public CrossLayerDictionary crossLayerDictionary() {
    if (!(engine instanceof CrossLayerEngine layers)) {
      throw new IllegalStateException("this run trains one dictionary");
    }
    List<Dictionary> each = new ArrayList<>();
    for (int layer = 0; layer < layers.layers().size(); layer++) {
      each.add(
          Export.dictionary(
              blueprint.layers().get(layer).dictionary(OptionalDouble.empty()),
              layers.layers().get(layer),
              start.ofLayer(layer),
              null));
    }
    return new CrossLayerDictionary(each);
  }

  /** Codes are the same on raw activations, but decoder norms shrink by the scale. */
  private OptionalDouble exportedThreshold() {
    OptionalDouble found = threshold.value();
    // Of several sites, norms have become part of the codes.
    return found.isPresent() && config.rankByDecoderNorm() && blueprint.outputs().size() == 1
        ? OptionalDouble.of(
            found.getAsDouble()
                / (float) (map == null ? start.outputs().getFirst().scale() : start.scale()))
        : found;
  }

  @Override
  public void close() throws IOException {
    if (engine != null) {
      engine.close();
    }
    if (map != null) {
      map.close();
    }
    folder.close();
  }
}

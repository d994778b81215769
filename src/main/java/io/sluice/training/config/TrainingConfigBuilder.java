package io.sluice.training.config;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.ActivationFunctions;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.DType;
import io.sluice.store.HeldOut;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.IntToLongFunction;

/** Collects a {@link TrainingConfig}; each method sets the component of its name. */
public final class TrainingConfigBuilder {
  private String hook;
  private Kind kind = new Kind.Autoencoder();
  private int features = 16384;
  private int k = 32;
  private ActivationFunction activation = new TopK(32);
  private PenaltyConfig penalty = PenaltyConfig.NONE;
  private List<Integer> prefixes = List.of();
  private double bandwidth = 0.05;
  private double threshold;
  private double residual;
  private int firstK;
  private long kSteps;
  private Start start = new InitialDirections.ActiveSubspace(0, 0.99);
  private boolean centre = true;
  private boolean normalise = true;
  private boolean normSearch = true;
  private boolean scoreByDecoderNorm;
  private Optimiser optimiser = Optimiser.ADAM;
  private DType moments = DType.F32;
  private DType precision = DType.F32;
  private double learningRate = 1e-3;
  private double beta1 = 0.9;
  private double beta2 = 0.999;
  private double epsilon = 1e-8;
  private int batch = 1024;
  private IntToLongFunction steps = size -> 1000;
  private long warmupSteps;
  private long decaySteps;
  private long seed;
  private long deadWindow;
  private long checkpointEvery = 500;
  private long logEvery = 25;
  private int keepCheckpoints;
  private boolean tensorBoard;
  private int sampleRows = 65536;
  private OptionalInt fromPosition = OptionalInt.empty();
  private Long dataSeed;
  private double heldOut = HeldOut.USUAL_SHARE;
  private Remedies remedies = Remedies.NONE;

  TrainingConfigBuilder(String hook) {
    this.hook = hook;
  }

  /** The hook point to read, or the first of them. */
  public TrainingConfigBuilder hook(String value) {
    hook = value;
    return this;
  }

  public TrainingConfigBuilder kind(Kind value) {
    kind = value;
    return this;
  }

  public TrainingConfigBuilder features(int value) {
    features = value;
    return this;
  }

  public TrainingConfigBuilder k(int value) {
    k = value;
    return this;
  }

  /** Which features stay, by its name, without a penalty. */
  public TrainingConfigBuilder activation(String label) {
    return activation(label, 0, 0);
  }

  /**
   * Which features stay, by its name, with a penalty (L0 for JumpReLU, else L1) that reaches {@code
   * weight} after {@code steps}.
   */
  public TrainingConfigBuilder activation(String label, double weight, long steps) {
    PenaltyKind kind = PenaltyKind.usual(ActivationFunctions.named(label));
    return activation(label, PenaltyConfig.of(kind, weight, steps));
  }

  /** Which features stay, by its name, and what codes cost. */
  public TrainingConfigBuilder activation(String label, PenaltyConfig penalty) {
    activation = ActivationFunctions.named(label);
    this.penalty = penalty;
    return this;
  }

  /** Which features stay, and how many of a token where it counts them, without a penalty. */
  public TrainingConfigBuilder activation(ActivationFunction value) {
    activation = value;
    penalty = PenaltyConfig.NONE;
    k = value.k() > 0 ? value.k() : k;
    return this;
  }

  /** Where nested dictionaries end, before the whole. */
  public TrainingConfigBuilder prefixes(List<Integer> ends) {
    prefixes = ends;
    return this;
  }

  /** Width of the window in which values move JumpReLU's thresholds. */
  public TrainingConfigBuilder bandwidth(double value) {
    bandwidth = value;
    return this;
  }

  /** Thresholds at the start; 0 for those at which k features of a token fire. */
  public TrainingConfigBuilder threshold(double value) {
    threshold = value;
    return this;
  }

  /** Length of the residual below which matching pursuit ends; 0 for none. */
  public TrainingConfigBuilder residual(double value) {
    residual = value;
    return this;
  }

  /** Lets k start at {@code first} and reach its value after {@code steps} steps. */
  public TrainingConfigBuilder annealKFrom(int first, long steps) {
    firstK = first;
    kSteps = steps;
    return this;
  }

  public TrainingConfigBuilder start(Start value) {
    start = value;
    return this;
  }

  public TrainingConfigBuilder centre(boolean value) {
    centre = value;
    return this;
  }

  public TrainingConfigBuilder normalise(boolean value) {
    normalise = value;
    return this;
  }

  public TrainingConfigBuilder normSearch(boolean value) {
    normSearch = value;
    return this;
  }

  public TrainingConfigBuilder scoreByDecoderNorm(boolean value) {
    scoreByDecoderNorm = value;
    return this;
  }

  public TrainingConfigBuilder optimiser(Optimiser value) {
    optimiser = value;
    return this;
  }

  /** Element type of Adam's moments of rows, float32 or bfloat16. */
  public TrainingConfigBuilder moments(DType value) {
    moments = value;
    return this;
  }

  /** Element type of the encoder's product, float32 or bfloat16. */
  public TrainingConfigBuilder precision(DType value) {
    precision = value;
    return this;
  }

  public TrainingConfigBuilder learningRate(double value) {
    learningRate = value;
    return this;
  }

  /** Sets β₁, β₂ and ε of Adam. */
  public TrainingConfigBuilder adam(double beta1, double beta2, double epsilon) {
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
    return this;
  }

  public TrainingConfigBuilder batch(int value) {
    batch = value;
    return this;
  }

  public TrainingConfigBuilder steps(long value) {
    return stepsOf(size -> value);
  }

  /** Optimiser steps by the size of a batch. */
  public TrainingConfigBuilder stepsOf(IntToLongFunction value) {
    steps = value;
    return this;
  }

  /** As many steps as it takes for so many tokens, whatever the batch. */
  public TrainingConfigBuilder tokens(long value) {
    return stepsOf(size -> Math.ceilDiv(value, (long) Math.max(1, size)));
  }

  /** Optimiser steps, as far as it is known yet. */
  public long steps() {
    return steps.applyAsLong(batch);
  }

  public TrainingConfigBuilder warmupSteps(long value) {
    warmupSteps = value;
    return this;
  }

  public TrainingConfigBuilder decaySteps(long value) {
    decaySteps = value;
    return this;
  }

  public TrainingConfigBuilder seed(long value) {
    seed = value;
    return this;
  }

  /**
   * Tokens after which a feature that did not fire counts as dead; {@link Schedule#usualDeadWindow}
   * if this is not called.
   */
  public TrainingConfigBuilder deadWindow(long value) {
    if (value < 1) {
      throw new IllegalArgumentException("dead window must be at least 1, not " + value);
    }
    deadWindow = value;
    return this;
  }

  public TrainingConfigBuilder checkpointEvery(long value) {
    checkpointEvery = value;
    return this;
  }

  public TrainingConfigBuilder logEvery(long value) {
    logEvery = value;
    return this;
  }

  /** How many of the newest checkpoints stay when the run has ended; 0 for none. */
  public TrainingConfigBuilder keepCheckpoints(int value) {
    keepCheckpoints = value;
    return this;
  }

  /** Whether metrics are written for TensorBoard, too. */
  public TrainingConfigBuilder tensorBoard(boolean value) {
    tensorBoard = value;
    return this;
  }

  public TrainingConfigBuilder sampleRows(int value) {
    sampleRows = value;
    return this;
  }

  /** Which positions of a context are learned: these and those after; 0 for all. */
  public TrainingConfigBuilder fromPosition(int value) {
    fromPosition = OptionalInt.of(value);
    return this;
  }

  /** What the order of the data follows from; the seed itself if this is not called. */
  public TrainingConfigBuilder dataSeed(long value) {
    dataSeed = value;
    return this;
  }

  /**
   * Share of the tokens that is kept apart in whole contexts, never trained on, and measured at the
   * end; 0 for none. A store may be too small for it: {@link HeldOut} has the rule.
   */
  public TrainingConfigBuilder heldOut(double share) {
    heldOut = share;
    return this;
  }

  public TrainingConfigBuilder remedies(Remedies value) {
    remedies = value;
    return this;
  }

  /**
   * The configuration.
   *
   * @throws IllegalArgumentException if its parts do not fit together
   */
  public TrainingConfig build() {
    return new TrainingConfig(
        hook,
        kind,
        features,
        new SparsityConfig(
            activation,
            k,
            kSteps == 0 ? k : firstK,
            kSteps,
            prefixes,
            penalty,
            bandwidth,
            threshold,
            residual),
        start,
        centre,
        normalise,
        normSearch,
        scoreByDecoderNorm,
        optimiser,
        moments,
        precision,
        new Schedule(
            learningRate,
            beta1,
            beta2,
            epsilon,
            batch,
            steps(),
            warmupSteps,
            decaySteps,
            deadWindow == 0 ? Schedule.usualDeadWindow(steps() * Math.max(1, batch)) : deadWindow,
            checkpointEvery,
            logEvery,
            keepCheckpoints,
            tensorBoard),
        seed,
        sampleRows,
        fromPosition,
        dataSeed == null ? seed : dataSeed,
        heldOut,
        remedies);
  }
}

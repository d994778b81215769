package io.sluice.engine;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.CustomActivation;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.LearnedGated;
import io.sluice.engine.activation.LearnedJumpReLU;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.BatchResult;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.DeviceActivations;
import io.sluice.engine.arithmetic.DeviceCodes;
import io.sluice.engine.arithmetic.EngineState;
import io.sluice.engine.arithmetic.GradientTerms;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.Penalty;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.DoubleSupplier;

/**
 * The engine of one dictionary. It checks arguments and the order of calls, and leaves sums and
 * products to an {@link Arithmetic}. Other classes of this package compute activation functions,
 * penalties and the loss of dead features.
 */
public final class CheckedEngine implements Engine {
  private enum Stage {
    IDLE,
    ENCODED,
    DECODED,
    GRADIENTS_READY,
    PENALISED,
    ACCUMULATED
  }

  private final EngineSpec spec;
  private final Arithmetic arithmetic;

  /** Null if codes of thresholds and gates, and penalties, are in host memory. */
  private final DeviceActivations device;

  private final Codes codes = new Codes();

  /** The batch's codes where they were computed, as long as {@link #codes} is not filled. */
  private DeviceCodes onDevice;

  private final FeatureVectors vectors;
  private final LearnedThresholds learnedThresholds;
  private final LearnedGates learnedGates;
  private final MatchingPursuit pursuit;

  /** Made for the first custom activation function. */
  private ChosenCodes chosenCodes;

  private final DeadFeatures deadFeatures;
  private final CodePenalty codePenalty;
  private final float[] bounds;
  private float[] reconstructionGradient = new float[0];

  /** Results that {@link #takeResults} has not returned yet, unless the arithmetic keeps them. */
  private final List<BatchResult> results = new ArrayList<>();

  private ActivationFunction activation;
  private Stage stage = Stage.IDLE;
  private Rows input;
  private boolean closed;

  /**
   * An engine that starts from a copy of {@code initial}, with moments of zero.
   *
   * @param initial null for zeros
   * @param factory makes the arithmetic, which is closed with the engine
   * @throws IllegalArgumentException if the shapes disagree with {@code spec}
   */
  public CheckedEngine(EngineSpec spec, DictionaryParameters initial, Arithmetic.Factory factory) {
    if (initial != null
        && (initial.inputWidth() != spec.inputWidth()
            || initial.outputWidth() != spec.outputWidth()
            || initial.features() != spec.features())) {
      throw new IllegalArgumentException(
          "the parameters are "
              + shape(initial.features(), initial.inputWidth(), initial.outputWidth())
              + ", the engine was asked for "
              + shape(spec.features(), spec.inputWidth(), spec.outputWidth()));
    }
    int features = spec.features();
    this.spec = spec;
    this.arithmetic = factory.open(spec, initial);
    this.device = arithmetic.activations();
    this.vectors = new FeatureVectors(spec);
    this.learnedThresholds =
        spec.learned() == Learned.THRESHOLD
            ? new LearnedThresholds(arithmetic, vectors, features)
            : null;
    this.learnedGates =
        spec.learned() == Learned.GATE ? new LearnedGates(arithmetic, vectors, features) : null;
    this.pursuit = new MatchingPursuit(spec, arithmetic);
    this.deadFeatures = new DeadFeatures(arithmetic, features);
    this.codePenalty = new CodePenalty(spec, arithmetic);
    this.bounds = new float[features];
  }

  private static String shape(int features, int inputWidth, int outputWidth) {
    return features + " features, " + inputWidth + " in, " + outputWidth + " out";
  }

  @Override
  public String name() {
    return arithmetic.name();
  }

  @Override
  public String screen() {
    return arithmetic.screen();
  }

  @Override
  public EngineSpec spec() {
    return spec;
  }

  @Override
  public void prepare(Rows input, Rows target) {
    requireOpen();
    requireBatch(input);
    requireBatch(target);
    arithmetic.prepare(input, target);
  }

  @Override
  public void encode(Rows input, ActivationFunction activation) {
    requireOpen();
    if (stage == Stage.ACCUMULATED) {
      throw new IllegalStateException(
          "gradients were accumulated but not applied: call update before the next encode");
    }
    if (input.width() != spec.inputWidth()) {
      throw new IllegalArgumentException(
          "the batch is "
              + input.width()
              + " wide, the dictionary reads a width of "
              + spec.inputWidth());
    }
    requireBatch(input);
    activation.requireFit(spec.features());
    requireLearned(activation);
    if (activation instanceof Pursuit) {
      requirePursuit();
    }
    stage = Stage.IDLE;
    onDevice = null;
    Thresholds thresholds = activation.bounds().orElse(null);
    if (thresholds != null) {
      for (int feature = 0; feature < bounds.length; feature++) {
        bounds[feature] = Math.max(0, thresholds.of(feature));
      }
      if (device != null) {
        onDevice = device.encodeAbove(input, bounds);
      } else {
        arithmetic.encodeAbove(input, bounds, codes);
      }
    } else {
      switch (activation) {
        case LearnedJumpReLU(double bandwidth) ->
            onDevice = learnedThresholds.encode(input, bandwidth, codes);
        case LearnedGated gate -> onDevice = learnedGates.encode(input, codes);
        case Pursuit search -> onDevice = pursuit.encode(input, search, codes);
        case CustomActivation custom -> encodeChosen(input, custom);
        default -> onDevice = arithmetic.encode(input, activation, codes);
      }
    }
    this.activation = activation;
    this.input = input;
    stage = Stage.ENCODED;
  }

  private void encodeChosen(Rows input, CustomActivation custom) {
    if (chosenCodes == null) {
      chosenCodes = new ChosenCodes(spec, arithmetic);
    }
    chosenCodes.encode(input, custom, codes);
  }

  @Override
  public double decode(Rows target, boolean gradients) {
    startDecoding(target);
    double error = arithmetic.decode(input, target, entries(), gradients);
    endDecoding(target, gradients);
    return error;
  }

  @Override
  public boolean decodeForTraining(Rows target) {
    startDecoding(target);
    boolean later = arithmetic.decodeForTraining(input, target, entries());
    if (!later) {
      double error = arithmetic.decode(input, target, entries(), true);
      results.add(new BatchResult(error, codeCount(), leastScore()));
    }
    endDecoding(target, true);
    return !later;
  }

  @Override
  public List<BatchResult> takeResults() {
    requireOpen();
    List<BatchResult> all = new ArrayList<>(arithmetic.takeResults());
    all.addAll(results);
    results.clear();
    return all;
  }

  private void startDecoding(Rows target) {
    requireOpen();
    if (stage == Stage.IDLE || stage == Stage.ACCUMULATED) {
      throw new IllegalStateException("decode needs the codes of a batch: call encode first");
    }
    if (target.width() != spec.outputWidth() || target.count() != input.count()) {
      throw new IllegalArgumentException(
          "the target is "
              + target.count()
              + " x "
              + target.width()
              + ", the reconstruction "
              + input.count()
              + " x "
              + spec.outputWidth());
    }
    requireBatch(target);
    codePenalty.startBatch();
    deadFeatures.startBatch();
  }

  private void endDecoding(Rows target, boolean gradients) {
    if (gradients && device != null) {
      device.findLearnedGradients(target);
    } else if (gradients) {
      switch (activation) {
        case LearnedJumpReLU threshold -> learnedThresholds.findGradientsBelow();
        case LearnedGated gate -> learnedGates.findOpeningGradients(target);
        default -> {}
      }
    }
    stage = gradients ? Stage.GRADIENTS_READY : Stage.DECODED;
  }

  /** The batch's codes, filled. */
  private Codes hostCodes() {
    if (onDevice != null) {
      onDevice.copyTo(codes);
      onDevice = null;
    }
    return codes;
  }

  /**
   * The entries that are decoded, unless the arithmetic keeps the codes itself: the codes, and with
   * gates also entries whose code is 0.
   */
  private Codes entries() {
    return activation instanceof LearnedGated ? learnedGates.open() : codes;
  }

  @Override
  public DoubleSupplier penalise(Penalty penalty, double weight) {
    requireOpen();
    if (stage != Stage.GRADIENTS_READY) {
      throw new IllegalStateException(
          "a penalty needs feature gradients, once: call decode with gradients first");
    }
    if (!(weight >= 0) || Double.isInfinite(weight)) {
      throw new IllegalArgumentException("a penalty's weight must be at least 0, not " + weight);
    }
    if (activation instanceof Pursuit) {
      throw new IllegalArgumentException(
          "matching pursuit has no penalty: the number of iterations limits its codes");
    }
    double factor = weight / input.count();
    DoubleSupplier sum;
    if (penalty instanceof Penalty.Count) {
      if (!(activation instanceof LearnedJumpReLU)) {
        throw new IllegalArgumentException(
            "a count of codes has no gradient without learned thresholds; the activation function is "
                + activation);
      }
      learnedThresholds.setCost(factor);
      int count = codeCount();
      sum = () -> count;
    } else {
      sum = addPenalty(penalty, factor);
    }
    stage = Stage.PENALISED;
    return () -> factor * sum.getAsDouble();
  }

  @Override
  public DoubleSupplier addDeadFeatureLoss(int k, double weight, long clock) {
    requireOpen();
    if (stage != Stage.GRADIENTS_READY || deadFeatures.areAdded()) {
      throw new IllegalStateException(
          "the loss of dead features is added once per batch: call decode with gradients first");
    }
    if (!(activation instanceof TopK
        || activation instanceof BatchTopK && activation.bounds().isEmpty())) {
      throw new IllegalArgumentException(
          "the loss of dead features needs an activation function with a fixed k, not "
              + activation);
    }
    if (spec.prefixes().size() > 1) {
      throw new IllegalArgumentException(
          "the loss of dead features cannot be combined with nested prefixes: " + spec.prefixes());
    }
    if (k < 1 || !(weight >= 0) || Double.isInfinite(weight)) {
      throw new IllegalArgumentException(
          "k must be at least 1 and the weight at least 0, not " + k + " and " + weight);
    }
    Optional<DoubleSupplier> added =
        onDevice == null ? Optional.empty() : deadFeatures.addOnDevice(k, weight, clock);
    if (added.isPresent()) {
      return added.get();
    }
    double onHost = deadFeatures.addLoss(hostCodes(), k, weight, clock);
    return () -> onHost;
  }

  private DoubleSupplier addPenalty(Penalty penalty, double factor) {
    if (device != null) {
      return device.penalise(penalty, factor);
    }
    hostCodes();
    Codes entries = entries();
    if (activation instanceof LearnedGated) {
      double ofOpenings =
          codePenalty.add(
              penalty, factor, entries, learnedGates.openings(), learnedGates.openingGradients());
      return () -> ofOpenings;
    }
    int count = entries.entries();
    float[] gradients = count == 0 ? null : arithmetic.codeGradients(count);
    double sum = codePenalty.add(penalty, factor, entries, null, gradients);
    if (count > 0) {
      arithmetic.setCodeGradients(gradients, count);
    }
    if (activation instanceof LearnedJumpReLU) {
      learnedThresholds.penaliseBelow(factor * penalty.slope(0), codePenalty.norms());
    }
    return () -> sum;
  }

  @Override
  public double charge(Penalty penalty) {
    requireOpen();
    if (stage == Stage.IDLE || stage == Stage.ENCODED) {
      throw new IllegalStateException("a penalty needs codes: call decode first");
    }
    if (device != null) {
      return device.charge(penalty) / input.count();
    }
    hostCodes();
    float[] openings = activation instanceof LearnedGated ? learnedGates.openings() : null;
    double sum = codePenalty.sum(penalty, entries(), openings);
    return sum / input.count();
  }

  @Override
  public void accumulate() {
    requireOpen();
    if (spec.optimiser() == Optimiser.NONE) {
      throw new IllegalStateException("this engine was made without an optimiser and cannot train");
    }
    if (stage != Stage.GRADIENTS_READY && stage != Stage.PENALISED) {
      throw new IllegalStateException(
          "accumulate needs feature gradients: call decode with gradients first");
    }
    if (activation instanceof Pursuit) {
      vectors.clearGradients();
      if (pursuit.isOnDevice()) {
        pursuit.formGradientsOnDevice();
        stage = Stage.ACCUMULATED;
        return;
      }
      int size = input.count() * spec.outputWidth();
      reconstructionGradient = ScratchArrays.atLeast(reconstructionGradient, size);
      arithmetic.readReconstructionGradient(reconstructionGradient, size);
      pursuit.formGradients(codes, reconstructionGradient);
      stage = Stage.ACCUMULATED;
      return;
    }
    if (device != null) {
      accumulateOnDevice();
      stage = Stage.ACCUMULATED;
      return;
    }
    Codes entries = entries();
    int count = entries.entries();
    double[] biasShift = null;
    switch (activation) {
      case LearnedJumpReLU threshold ->
          learnedThresholds.formGradients(
              codes, count == 0 ? null : arithmetic.codeGradients(count));
      case LearnedGated gate -> {
        float[] gradients = count == 0 ? null : arithmetic.codeGradients(count);
        learnedGates.formGradients(gradients);
        if (count > 0) {
          arithmetic.setCodeGradients(gradients, count);
        }
        biasShift = learnedGates.biasShift();
      }
      default -> vectors.clearGradients();
    }
    arithmetic.accumulate(
        input, deadFeatures.with(entries), new GradientTerms(codePenalty.rowTerms(), biasShift));
    stage = Stage.ACCUMULATED;
  }

  private void accumulateOnDevice() {
    vectors.clearGradients();
    switch (activation) {
      case LearnedJumpReLU threshold -> learnedThresholds.formGradientsOnDevice();
      case LearnedGated gate -> learnedGates.formGradientsOnDevice();
      default -> {}
    }
    arithmetic.accumulate(input, deadFeatures.with(codes), GradientTerms.NONE);
  }

  @Override
  public void update(AdamStep step) {
    requireOpen();
    if (stage != Stage.ACCUMULATED) {
      throw new IllegalStateException("update needs gradients: call accumulate first");
    }
    if (activation instanceof Pursuit && !pursuit.isOnDevice()) {
      pursuit.update(step);
    } else {
      arithmetic.update(step, deadFeatures.with(entries()));
    }
    vectors.step(step, spec.optimiser());
    // The parameters have moved, so the residual no longer belongs to them.
    stage = Stage.IDLE;
  }

  @Override
  public Codes codes() {
    requireOpen();
    return hostCodes();
  }

  @Override
  public int codeCount() {
    requireOpen();
    return onDevice != null ? onDevice.entries() : codes.entries();
  }

  @Override
  public float leastScore() {
    requireOpen();
    return onDevice != null ? onDevice.leastScore() : codes.leastScore();
  }

  @Override
  public void readReconstruction(MemorySegment destination) {
    requireOpen();
    if (stage == Stage.IDLE || stage == Stage.ENCODED) {
      throw new IllegalStateException("there is no reconstruction: call decode first");
    }
    long bytes = (long) input.count() * spec.outputWidth() * Float.BYTES;
    if (destination.byteSize() < bytes) {
      throw new IllegalArgumentException(
          "the reconstruction has "
              + bytes
              + " bytes, the destination has "
              + destination.byteSize());
    }
    arithmetic.copyReconstruction(destination);
  }

  @Override
  public void markFired(long clock) {
    requireOpen();
    arithmetic.clocks().mark(codes, clock);
  }

  @Override
  public int firedSince(long clock) {
    requireOpen();
    return arithmetic.clocks().countSince(clock);
  }

  @Override
  public List<StateTensor> state() {
    List<StateTensor> all = new ArrayList<>(arithmetic.state());
    all.addAll(vectors.tensors());
    all.add(new StateTensor(EngineState.LAST_FIRED, DType.I64, List.of((long) spec.features())));
    return List.copyOf(all);
  }

  @Override
  public MemorySegment read(StateTensor tensor, long first, long count, Arena target) {
    requireOpen();
    requireOwn(tensor);
    Objects.checkFromIndexSize(first, count, tensor.rows());
    boolean clocks = tensor.name().equals(EngineState.LAST_FIRED);
    if (clocks || vectors.has(tensor.name())) {
      MemorySegment all =
          clocks ? arithmetic.clocks().read(target) : vectors.read(tensor.name(), target);
      return all.asSlice(first * tensor.rowBytes(), count * tensor.rowBytes());
    }
    return arithmetic.read(tensor, first, count, target);
  }

  @Override
  public void write(StateTensor tensor, long first, MemorySegment data) {
    requireOpen();
    requireOwn(tensor);
    long count = data.byteSize() / tensor.rowBytes();
    Objects.checkFromIndexSize(first, count, tensor.rows());
    if (data.byteSize() != count * tensor.rowBytes()) {
      throw new IllegalArgumentException(
          "a row of %s has %d bytes, which do not divide %d"
              .formatted(tensor.name(), tensor.rowBytes(), data.byteSize()));
    }
    if (tensor.name().equals(EngineState.LAST_FIRED)) {
      arithmetic.clocks().write(first, data);
    } else if (vectors.has(tensor.name())) {
      vectors.write(tensor.name(), Math.toIntExact(first), data);
    } else {
      arithmetic.write(tensor, first, data);
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      arithmetic.close();
      pursuit.close();
      if (learnedThresholds != null) {
        learnedThresholds.close();
      }
      if (learnedGates != null) {
        learnedGates.close();
      }
      if (chosenCodes != null) {
        chosenCodes.close();
      }
      codes.close();
      deadFeatures.close();
    }
  }

  private void requirePursuit() {
    if (spec.inputWidth() != spec.outputWidth()
        || spec.scoreByDecoderNorm()
        || spec.prefixes().size() > 1) {
      throw new IllegalArgumentException(
          "matching pursuit needs equal widths (%d and %d), no scores by decoder norm and one prefix"
              .formatted(spec.inputWidth(), spec.outputWidth()));
    }
  }

  private void requireLearned(ActivationFunction activation) {
    Learned needed = activation.learned();
    if (needed != Learned.NOTHING && spec.learned() != needed) {
      throw new IllegalArgumentException(
          activation + " needs an engine that learns " + needed + ", not " + spec.learned());
    }
  }

  private void requireOwn(StateTensor tensor) {
    if (!state().contains(tensor)) {
      throw new IllegalArgumentException(
          "the state of engine " + name() + " has no " + tensor + "; it has " + state());
    }
  }

  private static void requireBatch(Rows rows) {
    if (rows.count() < 1) {
      throw new IllegalArgumentException("a batch needs at least one row, not " + rows.count());
    }
    if (!rows.memory().isNative()) {
      throw new IllegalArgumentException("activations must be in native memory, not in an array");
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("engine " + name() + " is closed");
    }
  }
}

package io.sluice.engine;

import io.sluice.memory.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * What every engine has in common: arguments and order of calls are checked here, once, and the
 * bookkeeping by feature (codes, groups, when each feature last fired) is kept here, in host
 * memory. A concrete engine adds the arithmetic.
 */
abstract class CheckedEngine implements Engine {
  /** The name in the state of the clock at which each feature last fired. */
  static final String LAST_FIRED = "last_fired";

  /** The name in the state of the step at which each feature last moved, in row-lazy SparseAdam. */
  static final String LAST_STEP = "last_step";

  private enum Stage {
    IDLE,
    ENCODED,
    DECODED,
    GRADIENTS_READY,
    PENALISED,
    ACCUMULATED
  }

  private final EngineSpec spec;
  private final Codes codes = new Codes();

  /** Whether the engine keeps the batch's codes, and {@link #codes} is not filled yet. */
  private boolean kept;

  /** Codes of dead features, and those of all: the batch, and below it the batch once more. */
  private final Codes raised = new Codes();

  private final Codes tall = new Codes();
  private boolean revived;
  private int[] dead = new int[0];
  private boolean[] inUse = new boolean[0];
  private final Arena arena = Arena.ofShared();
  private final MemorySegment lastFired;
  private final FeatureVectors vectors;
  private final LearnedActivity learned;
  private final MatchingPursuit pursuit = new MatchingPursuit(this);
  private float[] reconstructionGradient = new float[0];
  private final float[] bounds;
  private Selection selection;

  /** Lengths of decoder rows, and by how much a penalty shortens each: both once it is asked. */
  private double[] norms = new double[0];

  private double[] pull = new double[0];
  private boolean pulled;
  private Stage stage = Stage.IDLE;
  private Rows input;
  private boolean closed;

  CheckedEngine(EngineSpec spec, Parameters initial) {
    if (initial.inputWidth() != spec.inputWidth()
        || initial.outputWidth() != spec.outputWidth()
        || initial.features() != spec.features()) {
      throw new IllegalArgumentException(
          "the parameters are "
              + shape(initial.features(), initial.inputWidth(), initial.outputWidth())
              + ", the engine was asked for "
              + shape(spec.features(), spec.inputWidth(), spec.outputWidth()));
    }
    this.spec = spec;
    this.vectors = new FeatureVectors(spec);
    this.learned = new LearnedActivity(this, vectors);
    this.bounds = new float[spec.features()];
    this.lastFired = arena.allocate((long) spec.features() * Long.BYTES, 64);
  }

  private static String shape(int features, int inputWidth, int outputWidth) {
    return features + " features, " + inputWidth + " in, " + outputWidth + " out";
  }

  /**
   * Fills {@code codes} for a batch whose shape has been checked, by a selection that counts
   * features.
   */
  abstract void encodeRows(Rows input, Selection selection, Codes codes);

  /**
   * Whether the last {@link #encodeRows} left codes where the engine computes, and {@code codes} as
   * it was. They are copied when something on the host needs them.
   */
  boolean keepsCodes() {
    return false;
  }

  /** How many codes the engine keeps. */
  int keptEntries() {
    throw new IllegalStateException("codes are on the host");
  }

  /** {@link Codes#leastRank} of the codes that the engine keeps. */
  float keptLeastRank() {
    throw new IllegalStateException("codes are on the host");
  }

  /** Copies the codes that the engine keeps. */
  void copyCodes(Codes codes) {
    throw new IllegalStateException("codes are on the host");
  }

  /** Notes the clock at which all features of the batch's codes fired last. */
  void noteFired(Codes codes, long clock) {
    int entries = codes.entries();
    for (int entry = 0; entry < entries; entry++) {
      lastFired.setAtIndex(ValueLayout.JAVA_LONG, codes.feature(entry), clock);
    }
  }

  /** How many features fired last after {@code clock}. */
  int countFiredSince(long clock) {
    int count = 0;
    for (int feature = 0; feature < spec.features(); feature++) {
      if (lastFired.getAtIndex(ValueLayout.JAVA_LONG, feature) > clock) {
        count++;
      }
    }
    return count;
  }

  /**
   * When each feature fired last, int64 {@code [features]}: a view, or a copy in {@code target}.
   */
  MemorySegment readLastFired(Arena target) {
    return lastFired;
  }

  /** Replaces what {@link #readLastFired} gives. */
  void writeLastFired(MemorySegment data) {
    lastFired.copyFrom(data);
  }

  /**
   * Finds the features whose pre-activation, ranked as the spec says, is above their bound, which
   * may be negative.
   */
  abstract void encodeAbove(Rows input, float[] bounds, Codes codes);

  /** The batch as the encoder sees it, {@code [rows, width]}. */
  abstract void readCentred(Rows input, float[] out);

  /** Takes note that decoder rows may have changed since the last {@link #bestFeatures}. */
  abstract void startPursuit();

  /**
   * The feature whose decoder row has the largest product with each vector; −1 where none is
   * positive.
   *
   * @param vectors {@code [count, width]}
   */
  abstract void bestFeatures(float[] vectors, int count, int[] features);

  /** Copies decoder rows, {@code [count, width]}; those of feature −1 stay as they are. */
  abstract void decoderRows(int[] features, int count, float[] out);

  /** The gradient of the reconstruction, {@code [rows, width]}, after {@link #decodeRows}. */
  abstract void readReconstructionGradient(float[] out, int size);

  /** The entries of codes by feature. */
  abstract FeatureGroups grouped(Codes codes);

  /**
   * Moves decoder rows and bias alone.
   *
   * @param rowGradients of the features of the last {@link #grouped}, {@code [groups, width]}
   */
  abstract void updateDecoder(AdamStep step, float[] rowGradients, float[] biasGradient);

  /** Decodes; keeps what {@link #accumulateRows} needs when {@code gradients}. */
  abstract double decodeRows(Rows input, Rows target, Codes codes, boolean gradients);

  /**
   * Finds each token's {@code k} largest features among some, of the batch that was encoded last.
   *
   * @param features ascending; {@code count} of them
   * @param k at most {@code count}
   */
  abstract void encodeAmong(int[] features, int count, int k, Codes found);

  /**
   * Puts a second batch below the one that was decoded: the same inputs, the codes {@code raised},
   * and as the gradient of the reconstruction {@code 2·weight/rows · (Σ f_j·W_D[j] + ŷ − y)}. Forms
   * the gradients of its codes, and keeps what {@link #accumulateRows} needs for both.
   *
   * @return {@code weight/rows · Σ‖Σ f_j·W_D[j] + ŷ − y‖²}
   */
  abstract double reviveRows(Codes raised, double weight);

  /** {@code ⟨g, W_D[j]⟩} for each entry of {@code places}, after {@link #decodeRows}. */
  abstract void residualProducts(Codes places, float[] out);

  /**
   * The gradient of the mean over rows of {@code ‖Σ w_j·W_D[j] + b_D − y‖²} by each weight.
   *
   * @param weights one for each entry of {@code places}
   */
  abstract void auxiliaryGradients(Rows target, Codes places, float[] weights, float[] out);

  /** The gradients of the batch's codes, by entry, in host memory that may be changed. */
  abstract float[] codeGradients(int entries);

  /** Takes gradients of the batch's codes, by entry, in the place of those it has. */
  abstract void setCodeGradients(float[] gradients, int entries);

  /** The lengths of all decoder rows. */
  abstract void readDecoderNorms(double[] out);

  /** All encoder biases. */
  abstract void readEncoderBias(float[] out);

  /**
   * Forms gradients: of rows by the gradients of codes, and {@link #pull}; of the encoder bias less
   * {@link #biasShift}.
   *
   * @param codes of as many rows as {@code input} has, or after {@link #reviveRows} of twice as
   *     many, of which the second half knows no decoder bias
   */
  abstract void accumulateRows(Rows input, Codes codes);

  /** Moves parameters. */
  abstract void updateRows(AdamStep step, Codes codes);

  /** Copies ŷ of the last decode, whose rows fit {@code destination}. */
  abstract void copyReconstruction(MemorySegment destination);

  /** The state apart from {@link #LAST_FIRED}. */
  abstract List<StateTensor> ownState();

  /** Reads one of {@link #ownState}. */
  abstract MemorySegment readOwn(String name, Arena target);

  /** Replaces one of {@link #ownState}. */
  abstract void writeOwn(String name, MemorySegment data);

  /** Frees what the concrete engine holds; called once. */
  abstract void release();

  @Override
  public final EngineSpec spec() {
    return spec;
  }

  @Override
  public final void encode(Rows input, Selection selection) {
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
    switch (selection) {
      case Selection.TopK(int k) -> requireFeatures(k);
      case Selection.BatchTopK(int k) -> requireFeatures(k);
      case Selection.AbsTopK(int k) -> requireFeatures(k);
      case Selection.Pursuit pursuit -> requirePursuit();
      case Selection.Threshold(Thresholds thresholds) -> thresholds.requireFit(spec.features());
      case Selection.LearnedThreshold learns -> requireLearned(Learned.THRESHOLD, selection);
      case Selection.Gate gate -> requireLearned(Learned.GATE, selection);
    }
    stage = Stage.IDLE;
    kept = false;
    switch (selection) {
      case Selection.Threshold(Thresholds thresholds) -> {
        for (int feature = 0; feature < bounds.length; feature++) {
          bounds[feature] = Math.max(0, thresholds.of(feature));
        }
        encodeAbove(input, bounds, codes);
      }
      case Selection.LearnedThreshold(double bandwidth) ->
          learned.encodeByThreshold(input, bandwidth, codes);
      case Selection.Gate gate -> learned.encodeByGate(input, codes);
      case Selection.Pursuit search -> pursuit.encode(input, search, codes);
      default -> {
        encodeRows(input, selection, codes);
        kept = keepsCodes();
      }
    }
    this.selection = selection;
    this.input = input;
    stage = Stage.ENCODED;
  }

  @Override
  public final double decode(Rows target, boolean gradients) {
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
    pulled = false;
    revived = false;
    double error = decodeRows(input, target, entries(), gradients);
    if (gradients) {
      switch (selection) {
        case Selection.LearnedThreshold threshold -> learned.meetNear();
        case Selection.Gate gate -> learned.meetOpenings(target);
        default -> {}
      }
    }
    stage = gradients ? Stage.GRADIENTS_READY : Stage.DECODED;
    return error;
  }

  /** The batch's codes, filled. */
  private Codes hostCodes() {
    if (kept) {
      copyCodes(codes);
      kept = false;
    }
    return codes;
  }

  /**
   * What the engine decodes, unless it keeps the codes itself: the codes, and among those of gates
   * the ones that are 0.
   */
  private Codes entries() {
    return selection instanceof Selection.Gate ? learned.gated() : codes;
  }

  @Override
  public final double penalise(Penalty penalty, double weight) {
    requireOpen();
    if (stage != Stage.GRADIENTS_READY) {
      throw new IllegalStateException(
          "a penalty needs feature gradients, once: call decode with gradients first");
    }
    if (!(weight >= 0) || Double.isInfinite(weight)) {
      throw new IllegalArgumentException("a penalty's weight must be at least 0, not " + weight);
    }
    if (selection instanceof Selection.Pursuit) {
      throw new IllegalArgumentException("matching pursuit keeps codes few without a penalty");
    }
    double factor = weight / input.count();
    double sum;
    if (penalty instanceof Penalty.Count) {
      if (!(selection instanceof Selection.LearnedThreshold)) {
        throw new IllegalArgumentException(
            "a count of codes has no gradient without learned thresholds; the selection is "
                + selection);
      }
      learned.setCost(factor);
      sum = codes.entries();
    } else {
      sum = pull(penalty, factor);
    }
    stage = Stage.PENALISED;
    return factor * sum;
  }

  @Override
  public final double revive(int k, double weight, long clock) {
    requireOpen();
    if (stage != Stage.GRADIENTS_READY || revived) {
      throw new IllegalStateException(
          "dead features learn once, from a residual: call decode with gradients first");
    }
    if (!(selection instanceof Selection.TopK || selection instanceof Selection.BatchTopK)) {
      throw new IllegalArgumentException(
          "dead features are revived under selections that count features, not " + selection);
    }
    if (spec.prefixes().size() > 1) {
      throw new IllegalArgumentException(
          "dead features are revived in one dictionary, not in nested ones: " + spec.prefixes());
    }
    if (k < 1 || !(weight >= 0) || Double.isInfinite(weight)) {
      throw new IllegalArgumentException(
          "k must be at least 1 and the weight at least 0, not " + k + " and " + weight);
    }
    int count = findDead(clock);
    if (count == 0 || weight == 0) {
      return 0;
    }
    encodeAmong(dead, count, Math.min(k, count), raised);
    double loss = reviveRows(raised, weight);
    join();
    revived = true;
    return loss;
  }

  private int findDead(long clock) {
    int features = spec.features();
    Codes codes = hostCodes();
    if (dead.length == 0) {
      dead = new int[features];
      inUse = new boolean[features];
    }
    java.util.Arrays.fill(inUse, false);
    for (int entry = 0; entry < codes.entries(); entry++) {
      inUse[codes.feature(entry)] = true;
    }
    int count = 0;
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment clocks = readLastFired(scratch);
      for (int feature = 0; feature < features; feature++) {
        if (!inUse[feature] && clocks.getAtIndex(ValueLayout.JAVA_LONG, feature) <= clock) {
          dead[count++] = feature;
        }
      }
    }
    return count;
  }

  private void join() {
    tall.begin(2 * codes.rows(), codes.entries() + raised.entries());
    int entry = 0;
    for (Codes half : List.of(codes, raised)) {
      for (int row = 0; row < half.rows(); row++) {
        for (int from = half.offset(row); from < half.offset(row + 1); from++) {
          tall.set(entry++, half.feature(from), half.value(from));
        }
        tall.endRow(entry);
      }
    }
  }

  private double pull(Penalty penalty, double factor) {
    boolean gated = selection instanceof Selection.Gate;
    hostCodes();
    Codes entries = entries();
    int count = entries.entries();
    readNorms();
    pull = pull.length > 0 ? pull : new double[spec.features()];
    java.util.Arrays.fill(pull, 0);
    pulled = true;
    float[] gradients =
        gated ? learned.openingGradients() : count == 0 ? null : codeGradients(count);
    double sum = 0;
    for (int entry = 0; entry < count; entry++) {
      int feature = entries.feature(entry);
      double value = gated ? learned.openings()[entry] : entries.value(entry);
      double charged = value * norms[feature];
      double slope = factor * penalty.slope(charged);
      sum += penalty.of(charged);
      gradients[entry] += (float) (slope * norms[feature]);
      pull[feature] += slope * value;
    }
    if (!gated && count > 0) {
      setCodeGradients(gradients, count);
    }
    if (selection instanceof Selection.LearnedThreshold) {
      learned.chargeNear(factor * penalty.slope(0), norms);
    }
    for (int feature = 0; spec.siteCount() == 1 && feature < pull.length; feature++) {
      pull[feature] = norms[feature] > 0 ? pull[feature] / norms[feature] : 0;
    }
    return sum;
  }

  private void readNorms() {
    norms = norms.length > 0 ? norms : new double[spec.features()];
    readDecoderNorms(norms);
  }

  /**
   * By feature, how much of its own decoder row a penalty adds to that row's gradient; where the
   * decoder writes several places, how much of each part of that row at unit length. Null where
   * there is no penalty.
   */
  final double[] pull() {
    return pulled ? pull : null;
  }

  /** By feature, what the encoder bias's gradient is less than the sum of codes'; null for none. */
  final double[] biasShift() {
    return selection instanceof Selection.Gate ? learned.biasShift() : null;
  }

  @Override
  public final double charge(Penalty penalty) {
    requireOpen();
    if (stage == Stage.IDLE || stage == Stage.ENCODED) {
      throw new IllegalStateException("there are no codes to charge: call decode first");
    }
    boolean gated = selection instanceof Selection.Gate;
    hostCodes();
    Codes entries = entries();
    readNorms();
    double sum = 0;
    for (int entry = 0; entry < entries.entries(); entry++) {
      double value = gated ? learned.openings()[entry] : entries.value(entry);
      sum += penalty.of(value * norms[entries.feature(entry)]);
    }
    return sum / input.count();
  }

  @Override
  public final void accumulate() {
    requireOpen();
    if (spec.optimiser() == Optimiser.NONE) {
      throw new IllegalStateException("this engine was made without an optimiser and cannot train");
    }
    if (stage != Stage.GRADIENTS_READY && stage != Stage.PENALISED) {
      throw new IllegalStateException(
          "accumulate needs feature gradients: call decode with gradients first");
    }
    if (selection instanceof Selection.Pursuit) {
      vectors.clearGradients();
      int size = input.count() * spec.outputWidth();
      if (reconstructionGradient.length < size) {
        reconstructionGradient = new float[size];
      }
      readReconstructionGradient(reconstructionGradient, size);
      pursuit.formGradients(input.count(), grouped(codes), reconstructionGradient);
      stage = Stage.ACCUMULATED;
      return;
    }
    Codes entries = entries();
    int count = entries.entries();
    switch (selection) {
      case Selection.LearnedThreshold threshold ->
          learned.formThresholdGradients(codes, count == 0 ? null : codeGradients(count));
      case Selection.Gate gate -> {
        float[] gradients = count == 0 ? null : codeGradients(count);
        learned.formGateGradients(gradients);
        if (count > 0) {
          setCodeGradients(gradients, count);
        }
      }
      default -> vectors.clearGradients();
    }
    accumulateRows(input, revived ? tall : entries);
    stage = Stage.ACCUMULATED;
  }

  @Override
  public final void update(AdamStep step) {
    requireOpen();
    if (stage != Stage.ACCUMULATED) {
      throw new IllegalStateException("update needs gradients: call accumulate first");
    }
    if (selection instanceof Selection.Pursuit) {
      updateDecoder(step, pursuit.rowGradients(), pursuit.biasGradient());
    } else {
      updateRows(step, revived ? tall : entries());
    }
    vectors.step(step, spec.optimiser());
    // The parameters have moved, so the residual no longer belongs to them.
    stage = Stage.IDLE;
  }

  @Override
  public final Codes codes() {
    requireOpen();
    return hostCodes();
  }

  @Override
  public final int codeCount() {
    requireOpen();
    return kept ? keptEntries() : codes.entries();
  }

  @Override
  public final float leastRank() {
    requireOpen();
    return kept ? keptLeastRank() : codes.leastRank();
  }

  @Override
  public final void readReconstruction(MemorySegment destination) {
    requireOpen();
    if (stage == Stage.IDLE || stage == Stage.ENCODED) {
      throw new IllegalStateException("there is no reconstruction: call decode first");
    }
    long bytes = (long) input.count() * spec.outputWidth() * Float.BYTES;
    if (destination.byteSize() < bytes) {
      throw new IllegalArgumentException(
          "the reconstruction takes "
              + bytes
              + " bytes, the destination has "
              + destination.byteSize());
    }
    copyReconstruction(destination);
  }

  @Override
  public final void markFired(long clock) {
    requireOpen();
    noteFired(codes, clock);
  }

  @Override
  public final int firedSince(long clock) {
    requireOpen();
    return countFiredSince(clock);
  }

  @Override
  public final List<StateTensor> state() {
    List<StateTensor> all = new java.util.ArrayList<>(ownState());
    all.addAll(vectors.tensors());
    all.add(new StateTensor(LAST_FIRED, DType.I64, List.of((long) spec.features())));
    return List.copyOf(all);
  }

  @Override
  public final MemorySegment read(StateTensor tensor, Arena target) {
    requireOpen();
    requireOwn(tensor);
    if (vectors.has(tensor.name())) {
      return vectors.read(tensor.name(), target);
    }
    return tensor.name().equals(LAST_FIRED)
        ? readLastFired(target)
        : readOwn(tensor.name(), target);
  }

  @Override
  public final void write(StateTensor tensor, MemorySegment data) {
    requireOpen();
    requireOwn(tensor);
    if (data.byteSize() != tensor.bytes()) {
      throw new IllegalArgumentException(
          tensor.name() + " takes " + tensor.bytes() + " bytes, not " + data.byteSize());
    }
    if (tensor.name().equals(LAST_FIRED)) {
      writeLastFired(data);
    } else if (vectors.has(tensor.name())) {
      vectors.write(tensor.name(), data);
    } else {
      writeOwn(tensor.name(), data);
    }
  }

  @Override
  public final void close() {
    if (!closed) {
      closed = true;
      release();
      learned.close();
      codes.close();
      raised.close();
      tall.close();
      arena.close();
    }
  }

  private void requireFeatures(int k) {
    if (k > spec.features()) {
      throw new IllegalArgumentException(
          "k is " + k + ", but the dictionary has " + spec.features() + " features");
    }
  }

  private void requirePursuit() {
    if (spec.inputWidth() != spec.outputWidth()
        || spec.rankByDecoderNorm()
        || spec.prefixes().size() > 1) {
      throw new IllegalArgumentException(
          "matching pursuit needs equal widths (%d and %d), no ranks by decoder norm and one prefix"
              .formatted(spec.inputWidth(), spec.outputWidth()));
    }
  }

  private void requireLearned(Learned needed, Selection selection) {
    if (spec.learned() != needed) {
      throw new IllegalArgumentException(
          selection + " needs an engine that learns " + needed + ", not " + spec.learned());
    }
  }

  private void requireOwn(StateTensor tensor) {
    if (!state().contains(tensor)) {
      throw new IllegalArgumentException(
          "the state of engine " + name() + " has no " + tensor + "; it has " + state());
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("engine " + name() + " is closed");
    }
  }

  /** The four parameters and, for training, their two moments, under their names in the state. */
  static List<StateTensor> adamState(EngineSpec spec) {
    List<StateTensor> state = new java.util.ArrayList<>();
    long features = spec.features();
    List<String> suffixes =
        spec.optimiser() == Optimiser.NONE ? List.of("") : List.of("", FIRST_MOMENT, SECOND_MOMENT);
    for (String suffix : suffixes) {
      state.add(
          new StateTensor(
              "encoder" + suffix, DType.F32, List.of(features, (long) spec.inputWidth())));
      state.add(new StateTensor("encoder_bias" + suffix, DType.F32, List.of(features)));
      state.add(
          new StateTensor(
              "decoder" + suffix, DType.F32, List.of(features, (long) spec.outputWidth())));
      state.add(
          new StateTensor("decoder_bias" + suffix, DType.F32, List.of((long) spec.outputWidth())));
    }
    return state;
  }

  /** As {@link #adamState}, and the last steps where resting rows decay late. */
  static List<StateTensor> lazyAdamState(EngineSpec spec) {
    List<StateTensor> state = new java.util.ArrayList<>(adamState(spec));
    if (spec.optimiser() == Optimiser.SPARSE_ADAM) {
      state.add(new StateTensor(LAST_STEP, DType.I64, List.of((long) spec.features())));
    }
    return state;
  }

  /** Suffix of a parameter's first moment in the state. */
  static final String FIRST_MOMENT = ".first_moment";

  /** Suffix of a parameter's second moment in the state. */
  static final String SECOND_MOMENT = ".second_moment";
}

package io.sluice.engine;

import io.sluice.memory.DType;
import io.sluice.memory.HugeMemory;
import io.sluice.memory.Workers;
import io.sluice.simd.batch.AbsTopKEncoder;
import io.sluice.simd.batch.AdamRows;
import io.sluice.simd.batch.BatchTopKEncoder;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.batch.SparseKernels;
import io.sluice.simd.batch.SparseRows;
import io.sluice.simd.batch.ThresholdEncoder;
import io.sluice.simd.batch.TopKEncoder;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The engine of the CPU: fused vector kernels, no LibTorch. Encoding selects while it multiplies;
 * decoding and feature gradients take one pass over a token's active rows; and a feature's weight
 * gradients and its optimiser step take one pass over its tokens, so that every active row is read
 * and written once.
 *
 * <p>Work is cut the same way whatever the number of threads, and so results are the same too.
 */
public final class VectorEngine extends CheckedEngine {
  /** Features of one update task: enough to make sharing cheap, few enough to share evenly. */
  private static final int TASK_FEATURES = 128;

  /** Stands for the workers when memory is asked who may read it; never started. */
  private static final Thread ANOTHER_THREAD = new Thread();

  /** Tokens of one decode task. */
  private static final int TASK_TOKENS = 32;

  /** Places in {@link #moving}. */
  private static final int ENCODER = 0;

  private static final int DECODER = 1;
  private static final int ENCODER_BIAS = 2;
  private static final int DECODER_BIAS = 3;

  private final SparseKernels kernels = SparseKernels.ofThisMachine();
  private final Workers workers;
  private final Arena arena = Arena.ofShared();
  private final Map<String, MemorySegment> state = new LinkedHashMap<>();
  private final MemorySegment encoder;
  private final MemorySegment decoder;

  /** What the optimiser moves; none if there is no optimiser. */
  private final AdamRows[] moving;

  private final float[] encoderBias;
  private final float[] decoderBias;
  private final float[] ranks;
  private final TopKEncoder selecting;
  private final ThresholdEncoder comparing;
  private final BatchTopKEncoder sharing;
  private final AbsTopKEncoder signed;
  private final SparseRows survivors = new SparseRows();
  private final FeatureGroups groups;
  private final Prefixes prefixes;
  private final float[][] biasParts;
  private final ThreadLocal<Scratch> scratch = ThreadLocal.withInitial(Scratch::new);

  /** The batch, centred and scaled: {@code [rows, inputWidth]}. */
  private float[] seen = new float[0];

  private float[] wanted = new float[0];
  private float[] reconstruction = new float[0];
  private float[] residualGradient = new float[0];
  private double[] errors = new double[0];
  private int[] selected = new int[0];
  private float[] selectedValues = new float[0];
  private int[] selectedCounts = new int[0];
  private int[] codeFeatures = new int[0];
  private float[] codeValues = new float[0];
  private float[] codeGradients = new float[0];
  private float[] decoderBiasGradient = new float[0];
  private int[] sideFeatures = new int[0];
  private float[] sideResidual = new float[0];
  private DeadRows deadRows;
  private float[] zeros = new float[0];

  private EncoderWeights weights;

  /** Finds the best decoder row for a residual, once that is asked. */
  private TopKEncoder pursuing;

  private EncoderWeights atoms;

  /** Whether what encoding reads off the parameters is as they are. */
  private boolean prepared;

  /**
   * An engine that starts from a copy of {@code initial}, with moments of zero.
   *
   * @param workers the threads to use; they stay the caller's
   * @throws IllegalArgumentException if the shapes disagree with {@code spec}
   */
  public VectorEngine(EngineSpec spec, Parameters initial, Workers workers) {
    super(spec, initial);
    this.workers = workers;
    for (StateTensor tensor : ownState()) {
      state.put(tensor.name(), HugeMemory.allocate(tensor.bytes(), arena));
    }
    encoder = state.get("encoder");
    decoder = state.get("decoder");
    moving =
        spec.optimiser() == Optimiser.NONE
            ? new AdamRows[0]
            : new AdamRows[] {
              adamRows("encoder", spec.features(), spec.inputWidth()),
              adamRows("decoder", spec.features(), spec.outputWidth()),
              adamRows("encoder_bias", spec.features(), 1),
              adamRows("decoder_bias", 1, spec.outputWidth())
            };
    encoder.copyFrom(initial.encoder());
    decoder.copyFrom(initial.decoder());
    state.get("encoder_bias").copyFrom(initial.encoderBias());
    state.get("decoder_bias").copyFrom(initial.decoderBias());
    encoderBias = new float[spec.features()];
    ranks = new float[spec.features()];
    decoderBias = new float[spec.outputWidth()];
    selecting = new TopKEncoder(kernels, workers);
    comparing = new ThresholdEncoder(kernels, workers);
    sharing = new BatchTopKEncoder(kernels, workers);
    signed = new AbsTopKEncoder(kernels, workers);
    groups = new FeatureGroups(spec.features());
    prefixes = new Prefixes(spec.prefixes());
    int tasks = Math.ceilDiv(spec.features(), TASK_FEATURES);
    biasParts = spec.subtractDecoderBias() ? new float[tasks][spec.inputWidth()] : null;
  }

  /** An engine on all cores. */
  public VectorEngine(EngineSpec spec, Parameters initial) {
    this(spec, initial, Workers.allCores());
  }

  /** Arrays of one thread. */
  private static final class Scratch {
    float[] gradient = new float[0];
    int[] tokens = new int[0];

    /** Rows of the residual's gradient, where these are not the tokens. */
    int[] felt = new int[0];

    float[] forDecoder = new float[0];
    float[] forEncoder = new float[0];

    void fit(int width, int places) {
      gradient = grown(gradient, width);
      if (tokens.length < places) {
        tokens = new int[places];
        felt = new int[places];
        forDecoder = new float[places];
        forEncoder = new float[places];
      }
    }
  }

  @Override
  public String name() {
    return "vector cpu " + kernels.name();
  }

  // ---- encode ----

  @Override
  void encodeRows(Rows input, Selection selection, Codes codes) {
    int rows = input.count();
    load(input);
    switch (selection) {
      case Selection.TopK(int k) -> {
        fitSelected(rows, k);
        selecting.encode(seen, rows, k, selected, selectedValues, selectedCounts);
        fill(codes, rows, k);
      }
      case Selection.AbsTopK(int k) -> {
        fitSelected(rows, k);
        signed.encode(weights, seen, rows, k, selected, selectedValues, selectedCounts);
        fill(codes, rows, k);
      }
      case Selection.BatchTopK(int k) -> {
        float least = sharing.encode(weights, seen, rows, Math.multiplyExact(rows, k), survivors);
        fill(codes, survivors);
        codes.setLeastRank(least);
      }
      default -> throw new IllegalArgumentException("not a count of features: " + selection);
    }
  }

  @Override
  void encodeAbove(Rows input, float[] bounds, Codes codes) {
    load(input);
    comparing.encode(weights, bounds, seen, input.count(), survivors);
    fill(codes, survivors);
  }

  @Override
  void readCentred(Rows input, float[] out) {
    copy(state.get("decoder_bias"), decoderBias, decoderBias.length);
    load(input, spec().subtractDecoderBias() ? decoderBias : null, out);
  }

  @Override
  void startPursuit() {
    int features = spec().features();
    if (pursuing == null) {
      pursuing = new TopKEncoder(kernels, workers);
      float[] ones = new float[features];
      Arrays.fill(ones, 1);
      atoms =
          new EncoderWeights(decoder, new float[features], ones, features, spec().outputWidth());
    }
    pursuing.prepare(atoms);
  }

  @Override
  void bestFeatures(float[] vectors, int count, int[] features) {
    fitSelected(count, 1);
    pursuing.encode(vectors, count, 1, features, selectedValues, selectedCounts);
    for (int row = 0; row < count; row++) {
      features[row] = selectedCounts[row] == 0 ? -1 : features[row];
    }
  }

  @Override
  void decoderRows(int[] features, int count, float[] out) {
    int width = spec().outputWidth();
    for (int row = 0; row < count; row++) {
      if (features[row] >= 0) {
        long from = (long) features[row] * width * Float.BYTES;
        MemorySegment.copy(decoder, Parameters.FLOAT, from, out, row * width, width);
      }
    }
  }

  @Override
  void readReconstructionGradient(float[] out, int size) {
    System.arraycopy(residualGradient, 0, out, 0, size);
  }

  @Override
  FeatureGroups grouped(Codes codes) {
    groups.group(codes);
    return groups;
  }

  @Override
  void updateDecoder(AdamStep step, float[] rowGradients, float[] biasGradient) {
    prepared = false;
    int width = spec().outputWidth();
    AdamRows.Factors factors = factors(step);
    boolean dense = spec().optimiser() == Optimiser.ADAM;
    moveFeatures(
        (session, task, first, end) -> {
          Scratch own = scratch.get();
          own.fit(width, 1);
          int group = groups.firstAtLeast(first);
          for (int feature = first; feature < end; feature++) {
            boolean fired = group < groups.groups() && groups.feature(group) == feature;
            if (fired) {
              System.arraycopy(rowGradients, group++ * width, own.gradient, 0, width);
            } else if (!dense) {
              continue;
            }
            long since = dense ? 1 : stepsSince(feature, step.step());
            float decay1 = (float) Math.pow(step.beta1(), since);
            float decay2 = (float) Math.pow(step.beta2(), since);
            float[] gradient = fired ? own.gradient : null;
            session.step(DECODER, feature, gradient, decay1, decay2, factors);
          }
        });
    moveDecoderBias(step, biasGradient, factors);
  }

  /** Steps since a feature last moved, which it does now. */
  private long stepsSince(int feature, long step) {
    MemorySegment lastSteps = state.get(LAST_STEP);
    long last = lastSteps.getAtIndex(ValueLayout.JAVA_LONG, feature);
    lastSteps.setAtIndex(ValueLayout.JAVA_LONG, feature, step);
    return step - last;
  }

  /** Makes ready what encoding reads: the weights, and the batch as the encoder sees it. */
  private void load(Rows input) {
    prepare();
    seen = grown(seen, Math.multiplyExact(input.count(), spec().inputWidth()));
    load(input, spec().subtractDecoderBias() ? decoderBias : null, seen);
  }

  private static void fill(Codes codes, SparseRows found) {
    codes.begin(found.rows(), found.entries());
    for (int row = 0; row < found.rows(); row++) {
      for (int entry = found.offset(row); entry < found.offset(row + 1); entry++) {
        codes.put(entry, found.features()[entry], found.values()[entry]);
      }
      codes.endRow(found.offset(row + 1));
    }
  }

  private void fitSelected(int rows, int k) {
    int slots = Math.multiplyExact(rows, k);
    if (selected.length < slots) {
      selected = new int[slots];
      selectedValues = new float[slots];
    }
    if (selectedCounts.length < rows) {
      selectedCounts = new int[rows];
    }
  }

  /** Reads off the parameters what encoding needs, if they have changed. */
  private void prepare() {
    if (prepared) {
      return;
    }
    copy(state.get("encoder_bias"), encoderBias, spec().features());
    copy(state.get("decoder_bias"), decoderBias, decoderBias.length);
    rank();
    weights =
        new EncoderWeights(encoder, encoderBias, ranks, spec().features(), spec().inputWidth());
    selecting.prepare(weights);
    prepared = true;
  }

  private void fill(Codes codes, int rows, int k) {
    codes.begin(rows, rows * k);
    int entry = 0;
    for (int row = 0; row < rows; row++) {
      for (int i = row * k; i < row * k + selectedCounts[row]; i++) {
        codes.put(entry++, selected[i], selectedValues[i]);
      }
      codes.endRow(entry);
    }
  }

  private void rank() {
    int features = spec().features();
    if (!spec().rankByDecoderNorm()) {
      Arrays.fill(ranks, 0, features, 1);
      return;
    }
    if (spec().siteCount() > 1) {
      double[] norms = new double[features];
      readDecoderNorms(norms);
      for (int feature = 0; feature < features; feature++) {
        ranks[feature] = Math.max((float) norms[feature], 1e-30f);
      }
      return;
    }
    int width = spec().outputWidth();
    forFeatures(
        (task, first, end) -> {
          Scratch own = scratch.get();
          own.fit(width, 1);
          for (int feature = first; feature < end; feature++) {
            MemorySegment.copy(
                decoder,
                Parameters.FLOAT,
                (long) feature * width * Float.BYTES,
                own.gradient,
                0,
                width);
            own.tokens[0] = feature;
            kernels.dotRows(decoder, width, own.tokens, 0, 1, own.gradient, 0, own.forDecoder);
            // A feature that decodes to nothing still ranks above those that are not active.
            ranks[feature] = Math.max((float) Math.sqrt(own.forDecoder[0]), 1e-30f);
          }
        });
  }

  /** Widens, scales and centres a batch into {@code out}. */
  private void load(Rows rows, float[] shift, float[] out) {
    if (rows.memory().isAccessibleBy(ANOTHER_THREAD)) {
      forTokens(rows.count(), (first, end) -> widen(rows, first, end, shift, out));
    } else {
      // Memory of a confined arena: only its own thread may read it.
      widen(rows, 0, rows.count(), shift, out);
    }
  }

  private static void widen(Rows rows, int first, int end, float[] shift, float[] out) {
    int width = rows.width();
    int from = first * width;
    int count = (end - first) * width;
    float scale = rows.scale();
    if (rows.dtype() == DType.F32) {
      MemorySegment.copy(
          rows.memory(), Parameters.FLOAT, (long) from * Float.BYTES, out, from, count);
      if (scale != 1) {
        for (int i = from; i < from + count; i++) {
          out[i] *= scale;
        }
      }
    } else {
      for (int row = first; row < end; row++) {
        for (int column = 0; column < width; column++) {
          out[row * width + column] = rows.at(row, column);
        }
      }
    }
    if (shift != null) {
      for (int row = first; row < end; row++) {
        int at = row * width;
        for (int column = 0; column < width; column++) {
          out[at + column] -= shift[column];
        }
      }
    }
  }

  // ---- decode ----

  @Override
  double decodeRows(Rows input, Rows target, Codes codes, boolean gradients) {
    int rows = target.count();
    int width = spec().outputWidth();
    int size = Math.multiplyExact(rows, width);
    wanted = grown(wanted, size);
    reconstruction = grown(reconstruction, size);
    int levels = prefixes.levels();
    residualGradient = grown(residualGradient, Math.multiplyExact(size, levels));
    codeGradients = grown(codeGradients, codes.entries());
    codeFeatures = featuresOf(codes, codeFeatures);
    codeValues = grown(codeValues, codes.entries());
    MemorySegment.copy(codes.values(), Parameters.FLOAT, 0, codeValues, 0, codes.entries());
    errors = errors.length < rows ? new double[rows] : errors;
    load(target, null, wanted);
    float factor = 2f / rows / levels;
    forTokens(
        rows,
        (first, end) -> {
          for (int row = first; row < end; row++) {
            errors[row] =
                levels == 1
                    ? decodeRow(codes, row, factor, gradients)
                    : decodeNested(codes, row, factor, gradients);
          }
        });
    double squaredError = 0;
    for (int row = 0; row < rows; row++) {
      squaredError += errors[row];
    }
    return squaredError;
  }

  /** Decodes a token and finds the gradients of its codes; the answer is the squared error. */
  private double decodeRow(Codes codes, int row, float factor, boolean gradients) {
    int width = spec().outputWidth();
    int from = codes.offset(row);
    int to = codes.offset(row + 1);
    int at = row * width;
    kernels.sumRows(
        decoder, width, codeFeatures, codeValues, from, to, decoderBias, reconstruction, at);
    double sum = 0;
    for (int i = at; i < at + width; i++) {
      float error = reconstruction[i] - wanted[i];
      sum += (double) error * error;
      residualGradient[i] = factor * error;
    }
    if (gradients) {
      kernels.dotRows(decoder, width, codeFeatures, from, to, residualGradient, at, codeGradients);
    }
    return sum;
  }

  /** The same for nested dictionaries: every level goes on where the one before it ends. */
  private double decodeNested(Codes codes, int row, float factor, boolean gradients) {
    int width = spec().outputWidth();
    int levels = prefixes.levels();
    int to = codes.offset(row + 1);
    int at = row * width;
    Scratch own = scratch.get();
    own.fit(width, levels);
    System.arraycopy(decoderBias, 0, own.gradient, 0, width);
    double sum = 0;
    int from = codes.offset(row);
    for (int level = 0; level < levels; level++) {
      int end = prefixes.end(codes, level, from, to);
      own.tokens[level] = end;
      kernels.sumRows(
          decoder, width, codeFeatures, codeValues, from, end, own.gradient, reconstruction, at);
      System.arraycopy(reconstruction, at, own.gradient, 0, width);
      int out = (row * levels + level) * width;
      sum = 0;
      for (int i = 0; i < width; i++) {
        float error = reconstruction[at + i] - wanted[at + i];
        sum += (double) error * error;
        residualGradient[out + i] = factor * error;
      }
      from = end;
    }
    for (int level = levels - 1; level >= 0; level--) {
      int out = (row * levels + level) * width;
      for (int i = out; level < levels - 1 && i < out + width; i++) {
        residualGradient[i] += residualGradient[i + width];
      }
      if (gradients) {
        int start = level == 0 ? codes.offset(row) : own.tokens[level - 1];
        kernels.dotRows(
            decoder,
            width,
            codeFeatures,
            start,
            own.tokens[level],
            residualGradient,
            out,
            codeGradients);
      }
    }
    return sum;
  }

  private static int[] featuresOf(Codes codes, int[] array) {
    int entries = codes.entries();
    int[] features = array.length >= entries ? array : new int[entries];
    MemorySegment.copy(codes.features(), ValueLayout.JAVA_INT, 0, features, 0, entries);
    return features;
  }

  @Override
  void encodeAmong(int[] features, int count, int k, Codes found) {
    if (deadRows == null) {
      deadRows = new DeadRows(kernels, workers, spec());
    }
    int rows = codes().rows();
    int slots = Math.multiplyExact(rows, k);
    if (selected.length < slots) {
      selected = new int[slots];
      selectedValues = new float[slots];
    }
    if (selectedCounts.length < rows) {
      selectedCounts = new int[rows];
    }
    deadRows.gather(encoder, encoderBias, ranks, features, count);
    deadRows.encoder().encode(seen, rows, k, selected, selectedValues, selectedCounts);
    found.begin(rows, slots);
    int entry = 0;
    for (int row = 0; row < rows; row++) {
      for (int i = row * k; i < row * k + selectedCounts[row]; i++) {
        found.set(entry++, features[selected[i]], selectedValues[i]);
      }
      found.endRow(entry);
    }
  }

  @Override
  double reviveRows(Codes raised, double weight) {
    int rows = raised.rows();
    int width = spec().outputWidth();
    int seenWidth = spec().inputWidth();
    int above = codes().entries();
    int entries = above + raised.entries();
    seen = longer(seen, 2 * rows * seenWidth);
    System.arraycopy(seen, 0, seen, rows * seenWidth, rows * seenWidth);
    residualGradient = longer(residualGradient, 2 * rows * width);
    codeValues = longer(codeValues, entries);
    codeGradients = longer(codeGradients, entries);
    codeFeatures =
        codeFeatures.length >= entries ? codeFeatures : Arrays.copyOf(codeFeatures, entries);
    for (int entry = above; entry < entries; entry++) {
      codeFeatures[entry] = raised.feature(entry - above);
      codeValues[entry] = raised.value(entry - above);
    }
    zeros = grown(zeros, width);
    float factor = (float) (2 * weight / rows);
    forTokens(
        rows,
        (first, end) -> {
          for (int row = first; row < end; row++) {
            int from = above + raised.offset(row);
            int to = above + raised.offset(row + 1);
            int at = (rows + row) * width;
            kernels.sumRows(
                decoder, width, codeFeatures, codeValues, from, to, zeros, residualGradient, at);
            double sum = 0;
            int token = row * width;
            for (int i = 0; i < width; i++) {
              // The gradient of the squared error is 2/rows times ŷ − y.
              float error = residualGradient[at + i] + residualGradient[token + i] * rows / 2;
              sum += (double) error * error;
              residualGradient[at + i] = factor * error;
            }
            errors[row] = sum;
            kernels.dotRows(
                decoder, width, codeFeatures, from, to, residualGradient, at, codeGradients);
          }
        });
    double squares = 0;
    for (int row = 0; row < rows; row++) {
      squares += errors[row];
    }
    return weight * squares / rows;
  }

  /** At least so long, with what it held. */
  private static float[] longer(float[] array, int length) {
    return array.length >= length ? array : Arrays.copyOf(array, length);
  }

  @Override
  void residualProducts(Codes places, float[] out) {
    sideFeatures = featuresOf(places, sideFeatures);
    int width = spec().outputWidth();
    forTokens(
        places.rows(),
        (first, end) -> {
          for (int row = first; row < end; row++) {
            kernels.dotRows(
                decoder,
                width,
                sideFeatures,
                places.offset(row),
                places.offset(row + 1),
                residualGradient,
                row * width,
                out);
          }
        });
  }

  /** {@inheritDoc} The target is the one that was decoded last, and the places the same. */
  @Override
  void auxiliaryGradients(Rows target, Codes places, float[] weights, float[] out) {
    int rows = places.rows();
    int width = spec().outputWidth();
    sideResidual = grown(sideResidual, Math.multiplyExact(rows, width));
    float factor = 2f / rows;
    forTokens(
        rows,
        (first, end) -> {
          for (int row = first; row < end; row++) {
            int from = places.offset(row);
            int to = places.offset(row + 1);
            int at = row * width;
            kernels.sumRows(
                decoder, width, codeFeatures, weights, from, to, decoderBias, sideResidual, at);
            for (int i = at; i < at + width; i++) {
              sideResidual[i] = factor * (sideResidual[i] - wanted[i]);
            }
            kernels.dotRows(decoder, width, codeFeatures, from, to, sideResidual, at, out);
          }
        });
  }

  @Override
  float[] codeGradients(int entries) {
    return codeGradients;
  }

  @Override
  void setCodeGradients(float[] gradients, int entries) {
    codeGradients = gradients;
  }

  @Override
  void readDecoderNorms(double[] out) {
    int width = spec().outputWidth();
    if (spec().siteCount() > 1) {
      forFeatures(
          (task, first, end) -> {
            float[] row = new float[width];
            for (int feature = first; feature < end; feature++) {
              copyRow(feature, width, row);
              out[feature] = SiteNorms.of(row, 0, spec().sites());
            }
          });
      return;
    }
    forFeatures(
        (task, first, end) -> {
          kernels.squareRows(decoder, width, first, end, out);
          for (int feature = first; feature < end; feature++) {
            out[feature] = Math.sqrt(out[feature]);
          }
        });
  }

  private void copyRow(int feature, int width, float[] row) {
    MemorySegment.copy(
        decoder, Parameters.FLOAT, (long) feature * width * Float.BYTES, row, 0, width);
  }

  @Override
  void readEncoderBias(float[] out) {
    copy(state.get("encoder_bias"), out, out.length);
  }

  // ---- gradients and optimiser, fused ----

  @Override
  void accumulateRows(Rows input, Codes codes) {
    groups.group(codes);
    int width = spec().outputWidth();
    decoderBiasGradient = grown(decoderBiasGradient, width);
    Arrays.fill(decoderBiasGradient, 0);
    int rows = input.count();
    for (int row = 0; row < rows; row++) {
      int at = row * prefixes.levels() * width;
      for (int i = 0; i < width; i++) {
        decoderBiasGradient[i] += residualGradient[at + i];
      }
    }
  }

  @Override
  void updateRows(AdamStep step, Codes codes) {
    prepared = false;
    boolean dense = spec().optimiser() == Optimiser.ADAM;
    AdamRows.Factors factors = factors(step);
    moveFeatures(
        (session, task, first, end) ->
            updateFeatures(session, task, first, end, step, dense, factors));
    if (biasParts != null) {
      for (float[] part : biasParts) {
        for (int i = 0; i < part.length; i++) {
          decoderBiasGradient[i] -= part[i];
        }
      }
    }
    moveDecoderBias(step, decoderBiasGradient, factors);
  }

  private void moveDecoderBias(AdamStep step, float[] gradient, AdamRows.Factors factors) {
    float beta1 = (float) step.beta1();
    float beta2 = (float) step.beta2();
    AdamRows.during(
        session -> session.step(DECODER_BIAS, 0, gradient, beta1, beta2, factors), moving);
  }

  private void updateFeatures(
      AdamRows.Session session,
      int task,
      int first,
      int end,
      AdamStep step,
      boolean dense,
      AdamRows.Factors factors) {
    int inputWidth = spec().inputWidth();
    int outputWidth = spec().outputWidth();
    float[] biasPart = biasParts == null ? null : biasParts[task];
    if (biasPart != null) {
      Arrays.fill(biasPart, 0);
    }
    Scratch own = scratch.get();
    float beta1 = (float) step.beta1();
    float beta2 = (float) step.beta2();
    double[] pull = pull();
    double[] shift = biasShift();
    MemorySegment lastSteps = dense ? null : state.get(LAST_STEP);
    int group = groups.firstAtLeast(first);
    for (int feature = first; feature < end; feature++) {
      boolean fired = group < groups.groups() && groups.feature(group) == feature;
      if (!fired) {
        if (dense) {
          session.step(ENCODER, feature, null, beta1, beta2, factors);
          session.step(DECODER, feature, null, beta1, beta2, factors);
          own.fit(1, 1);
          own.gradient[0] = 0;
          session.step(ENCODER_BIAS, feature, own.gradient, beta1, beta2, factors);
        } else if (group < groups.groups()) {
          // Nothing between two active rows moves.
          feature = Math.min(end, groups.feature(group)) - 1;
        } else {
          return;
        }
        continue;
      }
      float decay1 = beta1;
      float decay2 = beta2;
      if (!dense) {
        long last = lastSteps.getAtIndex(ValueLayout.JAVA_LONG, feature);
        lastSteps.setAtIndex(ValueLayout.JAVA_LONG, feature, step.step());
        if (last != step.step() - 1) {
          decay1 = (float) Math.pow(step.beta1(), step.step() - last);
          decay2 = (float) Math.pow(step.beta2(), step.step() - last);
        }
      }
      int start = groups.start(group);
      int places = groups.start(group + 1) - start;
      own.fit(Math.max(inputWidth, outputWidth), places);
      float biasGradient = 0;
      for (int i = 0; i < places; i++) {
        int entry = groups.entry(start + i);
        own.tokens[i] = groups.token(start + i);
        own.forDecoder[i] = codeValues[entry];
        own.forEncoder[i] = codeGradients[entry];
        biasGradient += codeGradients[entry];
      }
      if (biasPart != null) {
        kernels.addRow(encoder, inputWidth, feature, biasGradient, biasPart);
      }
      int[] felt = own.tokens;
      if (prefixes.levels() > 1) {
        int level = prefixes.levelOf(feature);
        felt = own.felt;
        for (int i = 0; i < places; i++) {
          felt[i] = own.tokens[i] * prefixes.levels() + level;
        }
      }
      kernels.sumRows(residualGradient, outputWidth, felt, own.forDecoder, 0, places, own.gradient);
      if (pull != null && spec().siteCount() > 1) {
        float[] row = new float[outputWidth];
        copyRow(feature, outputWidth, row);
        SiteNorms.pull(row, 0, spec().sites(), pull[feature], own.gradient);
      } else if (pull != null) {
        kernels.addRow(decoder, outputWidth, feature, (float) pull[feature], own.gradient);
      }
      session.step(DECODER, feature, own.gradient, decay1, decay2, factors);
      kernels.sumRows(seen, inputWidth, own.tokens, own.forEncoder, 0, places, own.gradient);
      session.step(ENCODER, feature, own.gradient, decay1, decay2, factors);
      own.gradient[0] = shift == null ? biasGradient : (float) (biasGradient - shift[feature]);
      session.step(ENCODER_BIAS, feature, own.gradient, decay1, decay2, factors);
      group++;
    }
  }

  private AdamRows adamRows(String name, int rows, int width) {
    return new AdamRows(
        state.get(name),
        state.get(name + FIRST_MOMENT),
        state.get(name + SECOND_MOMENT),
        rows,
        width);
  }

  static AdamRows.Factors factors(AdamStep step) {
    return new AdamRows.Factors(
        (float) (1 - step.beta1()),
        (float) (1 - step.beta2()),
        (float) (step.learningRate() / step.firstCorrection()),
        (float) (1 / Math.sqrt(step.secondCorrection())),
        (float) step.epsilon());
  }

  // ---- state ----

  @Override
  void copyReconstruction(MemorySegment destination) {
    MemorySegment.copy(
        reconstruction, 0, destination, Parameters.FLOAT, 0, codes().rows() * spec().outputWidth());
  }

  @Override
  List<StateTensor> ownState() {
    return lazyAdamState(spec());
  }

  @Override
  MemorySegment readOwn(String name, Arena target) {
    return state.get(name).asReadOnly();
  }

  @Override
  void writeOwn(String name, MemorySegment data) {
    state.get(name).copyFrom(data);
    prepared = false;
  }

  @Override
  void release() {
    state.clear();
    groups.close();
    if (deadRows != null) {
      deadRows.close();
    }
    arena.close();
  }

  // ---- sharing out ----

  @FunctionalInterface
  private interface Range {
    void run(int first, int end);
  }

  @FunctionalInterface
  private interface NumberedRange {
    void run(int task, int first, int end);
  }

  private void forTokens(int rows, Range body) {
    workers.run(
        Math.ceilDiv(rows, TASK_TOKENS),
        task -> body.run(task * TASK_TOKENS, Math.min(rows, (task + 1) * TASK_TOKENS)));
  }

  private void forFeatures(NumberedRange body) {
    int features = spec().features();
    workers.run(
        Math.ceilDiv(features, TASK_FEATURES),
        task ->
            body.run(task, task * TASK_FEATURES, Math.min(features, (task + 1) * TASK_FEATURES)));
  }

  @FunctionalInterface
  private interface Move {
    void run(AdamRows.Session session, int task, int first, int end);
  }

  private void moveFeatures(Move body) {
    forFeatures(
        (task, first, end) ->
            AdamRows.during(session -> body.run(session, task, first, end), moving));
  }

  private static float[] grown(float[] array, int length) {
    return array.length >= length ? array : new float[length];
  }

  private static void copy(MemorySegment from, float[] to, int count) {
    MemorySegment.copy(from, Parameters.FLOAT, 0, to, 0, count);
  }
}

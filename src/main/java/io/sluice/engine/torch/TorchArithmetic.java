package io.sluice.engine.torch;

import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.BatchResult;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.DeviceActivations;
import io.sluice.engine.arithmetic.DeviceCodes;
import io.sluice.engine.arithmetic.DevicePursuit;
import io.sluice.engine.arithmetic.EngineState;
import io.sluice.engine.arithmetic.FeatureGroups;
import io.sluice.engine.arithmetic.FiringClocks;
import io.sluice.engine.arithmetic.GradientTerms;
import io.sluice.engine.arithmetic.Prefixes;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.engine.torch.transfer.TorchTransfer;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;
import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleSupplier;

/**
 * An engine over LibTorch, on the CPU or a GPU. Gradients are in closed form and sparse: tokens are
 * encoded in chunks, so that {@code rows × features} is never held, and gradients exist for active
 * rows only. Sums over a token's features, or over a feature's tokens, are embedding bags.
 */
public final class TorchArithmetic implements Arithmetic {
  private final EngineSpec spec;
  private final Device device;
  private final TensorScope owned = TensorScope.detached();
  private final Map<String, Tensor> state = new LinkedHashMap<>();
  private final Tensor encoder;
  private final Tensor encoderBias;
  private final Tensor decoder;
  private final Tensor decoderBias;
  private final Prefixes prefixes;

  /** Where nested dictionaries end, int32; null for one. */
  private final Tensor levelEnds;

  private final TorchTransfer transfer;
  private final DeviceIntegers numbers;
  private final TorchClocks clocks;
  private final TorchDecoderRows decoderRows;
  private final TorchSelection selection;
  private final TorchGradients gradients;
  private final TorchAdam adam;
  private final TorchResults results;

  private final TorchBatch batch;
  private final TorchActivations activations;
  private final TorchPursuit pursuit;

  private float[] hostGradients = new float[0];

  /**
   * An arithmetic on {@code device} that starts from a copy of {@code initial}, with moments of
   * zero.
   *
   * @throws io.sluice.torch.TorchException if LibTorch or the device cannot be used
   */
  public TorchArithmetic(EngineSpec spec, DictionaryParameters initial, Device device) {
    this(spec, initial, device, screening(spec, device));
  }

  /** Like the other constructor, with a screen. */
  TorchArithmetic(
      EngineSpec spec,
      DictionaryParameters initial,
      Device device,
      TorchScreens.Screening screening) {
    this(spec, initial, screening, new TorchTransfer(device));
  }

  /** Like the other constructor, with {@code transfer} to the device, which is closed with it. */
  TorchArithmetic(
      EngineSpec spec,
      DictionaryParameters initial,
      TorchScreens.Screening screening,
      TorchTransfer transfer) {
    Torch.load();
    this.spec = spec;
    this.device = transfer.device();
    this.prefixes = new Prefixes(spec.prefixes());
    this.numbers = new DeviceIntegers(device);
    this.transfer = transfer;
    try (TensorScope scope = TensorScope.open()) {
      for (StateTensor tensor : EngineState.ofAdam(spec)) {
        long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
        state.put(tensor.name(), Tensor.zeros(tensor.dtype(), device, shape).moveTo(owned));
      }
    }
    levelEnds = prefixes.levels() == 1 ? null : ends(spec.prefixes());
    encoder = state.get(EngineState.ENCODER);
    encoderBias = state.get(EngineState.ENCODER_BIAS);
    decoder = state.get(EngineState.DECODER);
    decoderBias = state.get(EngineState.DECODER_BIAS);
    if (initial != null) {
      encoder.copyFrom(initial.encoder());
      encoderBias.copyFrom(initial.encoderBias());
      decoder.copyFrom(initial.decoder());
      decoderBias.copyFrom(initial.decoderBias());
    }
    clocks = new TorchClocks(spec.features(), device, owned, this::current);
    decoderRows = new TorchDecoderRows(spec, device, decoder);
    selection =
        new TorchSelection(spec, encoder, encoderBias, decoder, transfer, numbers, screening);
    adam = new TorchAdam(spec, device, state, numbers, owned);
    gradients = new TorchGradients(spec, device, encoder, decoderRows, transfer, numbers);
    results = new TorchResults(device, owned);
    batch = new TorchBatch(spec, decoderBias, transfer, numbers);
    activations =
        new TorchActivations(
            spec,
            batch,
            selection,
            transfer,
            numbers,
            encoderBias,
            decoder,
            decoderBias,
            adam.chunkRows(),
            () -> decoderRows.norms(adam.chunkRows()));
    pursuit = new TorchPursuit(spec, batch, decoder, numbers, selection.chunkRows());
  }

  private Tensor ends(List<Integer> of) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor host = Tensor.ofInts(of.stream().mapToInt(Integer::intValue).toArray(), of.size());
      return (device.isCuda() ? host.to(device) : host).moveTo(owned);
    }
  }

  /** The property {@code sluice.screen} may be {@code none}. */
  private static TorchScreens.Screening screening(EngineSpec spec, Device device) {
    if (!device.isCuda() || spec.precision() != DType.F32) {
      return TorchScreens.Screening.NONE;
    }
    return System.getProperty("sluice.screen", "").equals("none")
        ? TorchScreens.Screening.FLOAT32
        : TorchScreens.Screening.FASTEST;
  }

  @Override
  public String name() {
    return "torch " + device;
  }

  // ---- codes ----

  @Override
  public void prepare(Rows input, Rows target) {
    transfer.prepare("input", input);
    if (target != input) {
      transfer.prepare("target", target);
    }
  }

  @Override
  public DeviceCodes encode(Rows rows, ActivationFunction wanted, Codes codes) {
    try (TensorScope scope = TensorScope.open()) {
      batch.start(rows);
      Tensor norms = scoringNorms();
      return switch (wanted) {
        case TopK(int k) -> keepLargest(k, norms, false, codes);
        case AbsTopK(int k) -> keepLargest(k, norms, true, codes);
        case BatchTopK shared -> {
          TorchBatchSelection.Largest largest =
              selection.keepLargestOfAll(
                  batch.seen, shared.k(), norms, adam.chunkRows(), codes, scope);
          yield batch.keepCodes(largest.codes(), largest.least());
        }
        default -> throw new IllegalArgumentException("not a count of features: " + wanted);
      };
    }
  }

  /** The lengths of decoder rows where features are scored by them; else null. */
  private Tensor scoringNorms() {
    return spec.scoreByDecoderNorm() ? decoderRows.norms(adam.chunkRows()) : null;
  }

  private DeviceCodes keepLargest(int k, Tensor norms, boolean signed, Codes codes) {
    boolean nested = prefixes.levels() > 1;
    TorchCodes chosen =
        selection.keepLargest(batch.seen, k, norms, signed, nested, adam.chunkRows(), codes);
    return batch.keepCodes(chosen, null);
  }

  @Override
  public void encodeAbove(Rows rows, float[] bounds, Codes codes) {
    activations.encodeAbove(rows, bounds).copyTo(codes);
    batch.found = null;
  }

  @Override
  public DeviceActivations activations() {
    return activations;
  }

  @Override
  public DevicePursuit pursuit() {
    return pursuit;
  }

  @Override
  public void load(Rows rows) {
    try (TensorScope scope = TensorScope.open()) {
      batch.start(rows);
    }
  }

  @Override
  public void readCentred(Rows rows, float[] out) {
    try (TensorScope scope = TensorScope.open()) {
      batch.start(rows);
      transfer.copy(batch.seen, out, rows.count() * rows.width());
    }
  }

  @Override
  public void startPursuit() {}

  @Override
  public void bestFeatures(float[] vectors, int count, int[] features) {
    selection.bestFeatures(vectors, count, features);
  }

  @Override
  public void readDecoderRows(int[] features, int count, float[] out) {
    if (count == 0) {
      return;
    }
    MemorySegment places = transfer.scratch().longs("decoder rows", count);
    for (int row = 0; row < count; row++) {
      places.setAtIndex(ValueLayout.JAVA_LONG, row, Math.max(0, features[row]));
    }
    try (TensorScope scope = TensorScope.open()) {
      transfer.copy(
          decoder.indexSelect(0, transfer.onDevice(places, DType.I64, count)),
          out,
          count * spec.outputWidth());
    }
  }

  @Override
  public void readReconstructionGradient(float[] out, int size) {
    transfer.copy(batch.residualGradient, out, size);
  }

  @Override
  public void updateDecoder(
      AdamStep step, FeatureGroups groups, float[] rowGradients, float[] biasGradient) {
    int width = spec.outputWidth();
    int count = groups.groups();
    try (TensorScope scope = TensorScope.open()) {
      MemorySegment bias = transfer.scratch().floats("bias gradient", width);
      MemorySegment.copy(biasGradient, 0, bias, ValueLayout.JAVA_FLOAT, 0, width);
      Tensor ofBias = transfer.onDevice(bias, DType.F32, width);
      if (count == 0) {
        adam.update(step, TorchAdam.Gradients.ofBias(ofBias));
        return;
      }
      // The encoder has no gradient and never had one, so that it stays where it is.
      adam.update(
          step,
          new TorchAdam.Gradients(
              transfer.onDevice(groups.features(), DType.I64, count),
              Tensor.zeros(DType.F32, device, count, spec.inputWidth()),
              Tensor.zeros(DType.F32, device, count),
              transfer.onDevice(rowGradients, count * width).reshape(count, width),
              ofBias));
    }
  }

  @Override
  public double decode(Rows rows, Rows target, Codes codes, boolean withGradients) {
    try (TensorScope scope = TensorScope.open()) {
      return reconstruct(rows, target, codes, withGradients).item();
    }
  }

  @Override
  public boolean decodeForTraining(Rows rows, Rows target, Codes codes) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor error = reconstruct(rows, target, codes, true);
      Tensor least =
          batch.found == null
              ? Tensor.full(codes.leastScore(), DType.F32, device, 1)
              : batch.found.least(device);
      results.add(error, batch.found == null ? codes.entries() : batch.found.entries(), least);
    }
    return true;
  }

  @Override
  public List<BatchResult> takeResults() {
    return results.take();
  }

  /** Decodes; the squared error, in the innermost scope. */
  private Tensor reconstruct(Rows rows, Rows target, Codes codes, boolean withGradients) {
    Tensor wanted = target == rows ? batch.input : transfer.load("target", target);
    int count = rows.count();
    int width = spec.outputWidth();
    int levels = prefixes.levels();
    TorchCodes own = batch.opened != null ? batch.opened : current(codes);
    TorchCodes decoded = batch.keep(batch.found != null ? inLevels(own) : own);
    int entries = decoded.entries();
    batch.decoded = decoded;
    batch.ownEntries = entries;
    Tensor sums;
    if (entries == 0) {
      sums = decoderBias.expand((long) count * levels, width).contiguous();
    } else {
      Tensor parts = decoder.embeddingBag(decoded.features(), decoded.offsets(), decoded.values());
      if (levels > 1) {
        parts = parts.reshape(count, levels, width).cumsum(1).reshape(-1, width);
      }
      sums = parts.add(decoderBias);
    }
    Tensor all = sums.reshape(count, levels, width);
    batch.reconstruction = batch.keep(all.select(1, levels - 1).contiguous());
    Tensor error = batch.reconstruction.sub(wanted).square().sum();
    if (withGradients) {
      Tensor residual = all.sub(wanted.reshape(count, 1, width)).mul(2.0 / count / levels);
      batch.residualGradient = batch.keep(sumsFromLevels(residual));
      if (entries > 0) {
        batch.codeGradient = batch.keep(decoded.products(batch.residualGradient, decoder));
      }
    }
    return error;
  }

  /** The gradient for features of each level: the sum over the levels from theirs on. */
  private Tensor sumsFromLevels(Tensor residual) {
    int levels = prefixes.levels();
    Tensor[] sums = new Tensor[levels];
    sums[levels - 1] = residual.select(1, levels - 1);
    for (int level = levels - 2; level >= 0; level--) {
      sums[level] = sums[level + 1].add(residual.select(1, level));
    }
    Tensor stacked = levels == 1 ? sums[0] : ShapeOperators.stack(List.of(sums), 1);
    return stacked.reshape(-1, spec.outputWidth());
  }

  /** The codes of the last encode, here. */
  private TorchCodes current(Codes codes) {
    return batch.found != null ? batch.found.codes() : upload(codes);
  }

  /** The same with a bag for each token and level, where dictionaries are nested. */
  private TorchCodes inLevels(TorchCodes codes) {
    return prefixes.levels() == 1 ? codes : codes.inLevels(levelEnds, numbers);
  }

  private TorchCodes upload(Codes codes) {
    return TorchCodes.upload(codes, prefixes, transfer.scratch(), device);
  }

  @Override
  public void encodeAmong(int[] features, int count, int k, Codes found) {
    try (TensorScope scope = TensorScope.open()) {
      selection.keepAmong(batch.seen, features, count, k, scoringNorms(), found);
    }
  }

  @Override
  public double decodeDead(Codes dead, double weight) {
    try (TensorScope scope = TensorScope.open()) {
      return decodeBelow(dead.entries() > 0 ? upload(dead) : null, dead.rows(), weight)
          .getAsDouble();
    }
  }

  @Override
  public Optional<DoubleSupplier> decodeDead(int k, double weight, long clock) {
    if (batch.found == null) {
      return Optional.empty();
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor dead = clocks.deadSince(clock, batch.found.codes());
      int count = Math.toIntExact(dead.elements());
      if (count == 0) {
        return Optional.of(NOTHING_DEAD);
      }
      TorchCodes more = selection.keepAmong(batch.seen, dead, Math.min(k, count), scoringNorms());
      return Optional.of(decodeBelow(more.entries() > 0 ? more : null, more.rows(), weight));
    }
  }

  /**
   * Puts the second batch below the first.
   *
   * @param more codes of dead features; null if there are none
   * @return as {@link #decodeDead(int, double, long)}
   */
  private DoubleSupplier decodeBelow(TorchCodes more, int rows, double weight) {
    // The gradient of the squared error is 2/rows times ŷ − y.
    Tensor below = batch.residualGradient.mul(weight);
    if (more != null) {
      below =
          below.add(
              decoder
                  .embeddingBag(more.features(), more.offsets(), more.values())
                  .mul(2 * weight / rows));
      Tensor gradients = more.products(below, decoder);
      batch.codeGradient =
          batch.keep(
              batch.ownEntries == 0
                  ? gradients
                  : ShapeOperators.cat(List.of(batch.codeGradient, gradients), 0));
      batch.decoded = batch.keep(batch.decoded.above(more));
    }
    Tensor squares = batch.keep(below.square().sum());
    batch.residualGradient =
        batch.keep(ShapeOperators.cat(List.of(batch.residualGradient, below), 0));
    batch.seen = batch.keep(ShapeOperators.cat(List.of(batch.seen, batch.seen), 0));
    return () -> squares.item() * rows / (4 * weight);
  }

  @Override
  public void residualProducts(Codes places, float[] out) {
    try (TensorScope scope = TensorScope.open()) {
      transfer.copy(
          upload(places).products(batch.residualGradient, decoder), out, places.entries());
    }
  }

  @Override
  public void auxiliaryGradients(Rows target, Codes places, float[] weights, float[] out) {
    try (TensorScope scope = TensorScope.open()) {
      int entries = places.entries();
      TorchCodes codes = upload(places);
      Tensor gradients =
          TorchLearnedGates.auxiliaryGradients(
              codes,
              transfer.onDevice(weights, entries),
              transfer.load("target", target),
              decoder,
              decoderBias);
      transfer.copy(gradients, out, entries);
    }
  }

  @Override
  public float[] codeGradients(int entries) {
    hostGradients = ScratchArrays.atLeast(hostGradients, entries);
    transfer.copy(batch.codeGradient, hostGradients, entries);
    return hostGradients;
  }

  @Override
  public void setCodeGradients(float[] gradients, int entries) {
    try (TensorScope scope = TensorScope.open()) {
      batch.codeGradient = batch.keep(transfer.onDevice(gradients, entries).copy());
    }
  }

  @Override
  public void readDecoderNorms(double[] out) {
    try (TensorScope scope = TensorScope.open()) {
      MemorySegment host = transfer.scratch().floats("norms", out.length);
      decoderRows.norms(adam.chunkRows()).copyTo(host);
      for (int feature = 0; feature < out.length; feature++) {
        out[feature] = host.getAtIndex(ValueLayout.JAVA_FLOAT, feature);
      }
    }
  }

  @Override
  public void readEncoderBias(float[] out) {
    transfer.copy(encoderBias, out, out.length);
  }

  @Override
  public void accumulate(Rows rows, Codes codes, GradientTerms terms) {
    try (TensorScope scope = TensorScope.open()) {
      batch.formed = batch.keep(gradients.form(rows.count(), batch, terms));
    }
  }

  @Override
  public void update(AdamStep step, Codes codes) {
    adam.update(step, batch.formed);
    if (spec.optimiser() == Optimiser.SPARSE_ADAM && batch.formed.active() != null) {
      try (TensorScope scope = TensorScope.open()) {
        selection.rowsChanged(batch.formed.active(), scoringNorms(), adam.chunkRows());
      }
    } else if (spec.optimiser() == Optimiser.ADAM) {
      selection.weightsChanged();
    }
  }

  @Override
  public void copyReconstruction(MemorySegment destination) {
    batch.reconstruction.copyTo(
        destination.asSlice(0, batch.reconstruction.elements() * Float.BYTES));
  }

  @Override
  public FiringClocks clocks() {
    return clocks;
  }

  @Override
  public List<StateTensor> state() {
    return EngineState.ofLazyAdam(spec);
  }

  @Override
  public MemorySegment read(StateTensor tensor, long first, long count, Arena target) {
    return TorchTransfer.read(own(tensor), first, count, target);
  }

  @Override
  public void write(StateTensor tensor, long first, MemorySegment data) {
    TorchTransfer.write(own(tensor), first, data);
    selection.weightsChanged();
  }

  private Tensor own(StateTensor tensor) {
    return tensor.name().equals(EngineState.LAST_STEP)
        ? adam.lastSteps()
        : state.get(tensor.name());
  }

  @Override
  public void close() {
    batch.close();
    owned.close();
    numbers.close();
    selection.close();
    transfer.close();
  }
}

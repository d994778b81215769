package io.sluice.engine.torch;

import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.DeviceCodes;
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
import java.util.OptionalDouble;

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

  /** Tensors that are kept from one encode to the next. */
  private TensorScope batch = TensorScope.detached();

  private Tensor input;
  private Tensor seen;
  private Tensor reconstruction;
  private Tensor residualGradient;
  private Tensor codeGradient;
  private TorchAdam.Gradients formed;

  /** The batch's codes, if they were found here. */
  private Kept found;

  /** What was decoded. */
  private TorchCodes decoded;

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
      TorchProposals.Screening screening) {
    Torch.load();
    this.spec = spec;
    this.device = device;
    this.prefixes = new Prefixes(spec.prefixes());
    this.numbers = new DeviceIntegers(device);
    this.transfer = new TorchTransfer(device);
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
    encoder.copyFrom(initial.encoder());
    encoderBias.copyFrom(initial.encoderBias());
    decoder.copyFrom(initial.decoder());
    decoderBias.copyFrom(initial.decoderBias());
    clocks = new TorchClocks(spec.features(), device, owned, this::current);
    decoderRows = new TorchDecoderRows(spec, device, decoder);
    selection =
        new TorchSelection(spec, encoder, encoderBias, decoder, transfer, numbers, screening);
    adam = new TorchAdam(spec, device, state, numbers, owned);
    gradients = new TorchGradients(spec, device, encoder, decoderRows, transfer, numbers);
  }

  private Tensor ends(List<Integer> of) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor host = Tensor.ofInts(of.stream().mapToInt(Integer::intValue).toArray(), of.size());
      return (device.isCuda() ? host.to(device) : host).moveTo(owned);
    }
  }

  /** The property {@code sluice.screen} may be {@code none}. */
  private static TorchProposals.Screening screening(EngineSpec spec, Device device) {
    if (!device.isCuda() || spec.precision() != DType.F32) {
      return TorchProposals.Screening.NONE;
    }
    return System.getProperty("sluice.screen", "").equals("none")
        ? TorchProposals.Screening.FLOAT32
        : TorchProposals.Screening.FASTEST;
  }

  @Override
  public String name() {
    return "torch " + device;
  }

  // ---- codes ----

  /**
   * Codes that stay on the device.
   *
   * @param leastScore the lowest score of a {@link BatchTopK}; else 0
   */
  private record Kept(TorchCodes codes, float leastScore, HostScratch scratch)
      implements DeviceCodes {
    @Override
    public int entries() {
      return codes.entries();
    }

    @Override
    public void copyTo(Codes target) {
      codes.copyTo(target, scratch);
      target.setLeastScore(leastScore);
    }
  }

  @Override
  public DeviceCodes encode(Rows rows, ActivationFunction wanted, Codes codes) {
    try (TensorScope scope = TensorScope.open()) {
      start(rows);
      Tensor norms = scoringNorms();
      switch (wanted) {
        case TopK(int k) -> keepLargest(k, norms, false, codes);
        case AbsTopK(int k) -> keepLargest(k, norms, true, codes);
        case BatchTopK shared -> keepLargestOfAll(shared.k(), norms, codes, scope);
        default -> throw new IllegalArgumentException("not a count of features: " + wanted);
      }
    }
    return found;
  }

  /** The lengths of decoder rows where features are scored by them; else null. */
  private Tensor scoringNorms() {
    return spec.scoreByDecoderNorm() ? decoderRows.norms(adam.chunkRows()) : null;
  }

  private void keepLargest(int k, Tensor norms, boolean signed, Codes codes) {
    boolean nested = prefixes.levels() > 1;
    TorchCodes chosen =
        selection.keepLargest(seen, k, norms, signed, nested, adam.chunkRows(), codes);
    keep(chosen, 0);
  }

  private void keepLargestOfAll(int k, Tensor norms, Codes codes, TensorScope scope) {
    TorchSelection.Largest largest =
        selection.keepLargestOfAll(seen, k, norms, adam.chunkRows(), codes, scope);
    if (largest != null) {
      keep(largest.codes(), largest.least());
    }
  }

  private void keep(TorchCodes chosen, float leastScore) {
    found = new Kept(chosen.moveTo(batch), leastScore, transfer.scratch());
  }

  @Override
  public void encodeAbove(Rows rows, float[] bounds, Codes codes) {
    try (TensorScope scope = TensorScope.open()) {
      start(rows);
      selection.keepAbove(seen, bounds, scoringNorms(), codes);
    }
  }

  @Override
  public void load(Rows rows) {
    try (TensorScope scope = TensorScope.open()) {
      start(rows);
    }
  }

  @Override
  public void readCentred(Rows rows, float[] out) {
    try (TensorScope scope = TensorScope.open()) {
      start(rows);
      transfer.copy(seen, out, rows.count() * rows.width());
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
    transfer.copy(residualGradient, out, size);
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

  /** Forgets the last batch and loads the next. */
  private void start(Rows rows) {
    batch.close();
    batch = TensorScope.detached();
    formed = null;
    found = null;
    decoded = null;
    input = transfer.load("input", rows).moveTo(batch);
    seen = spec.subtractDecoderBias() ? input.sub(decoderBias).moveTo(batch) : input;
  }

  @Override
  public double decode(Rows rows, Rows target, Codes codes, boolean withGradients) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor wanted = target == rows ? input : transfer.load("target", target);
      int count = rows.count();
      int width = spec.outputWidth();
      int levels = prefixes.levels();
      decoded = (found != null ? inLevels(found.codes()) : upload(codes)).moveTo(batch);
      int entries = decoded.entries();
      Tensor sums;
      if (entries == 0) {
        sums = decoderBias.expand((long) count * levels, width).contiguous();
      } else {
        Tensor parts =
            decoder.embeddingBag(decoded.features(), decoded.offsets(), decoded.values());
        if (levels > 1) {
          parts = parts.reshape(count, levels, width).cumsum(1).reshape(-1, width);
        }
        sums = parts.add(decoderBias);
      }
      Tensor all = sums.reshape(count, levels, width);
      reconstruction = all.select(1, levels - 1).contiguous().moveTo(batch);
      double error = reconstruction.sub(wanted).square().sum().item();
      if (withGradients) {
        Tensor residual = all.sub(wanted.reshape(count, 1, width)).mul(2.0 / count / levels);
        residualGradient = sumsFromLevels(residual).moveTo(batch);
        if (entries > 0) {
          codeGradient = products(residualGradient, decoded).moveTo(batch);
        }
      }
      return error;
    }
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
    return found != null ? found.codes() : upload(codes);
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
      selection.keepAmong(seen, features, count, k, scoringNorms(), found);
    }
  }

  @Override
  public double decodeDead(Codes dead, double weight) {
    try (TensorScope scope = TensorScope.open()) {
      return decodeBelow(dead.entries() > 0 ? upload(dead) : null, dead.rows(), weight);
    }
  }

  @Override
  public OptionalDouble decodeDead(int k, double weight, long clock) {
    if (found == null) {
      return OptionalDouble.empty();
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor dead = clocks.deadSince(clock, found.codes());
      int count = Math.toIntExact(dead.elements());
      if (count == 0) {
        return OptionalDouble.of(0);
      }
      TorchCodes more = selection.keepAmong(seen, dead, Math.min(k, count), scoringNorms());
      return OptionalDouble.of(decodeBelow(more.entries() > 0 ? more : null, more.rows(), weight));
    }
  }

  /**
   * Puts the second batch below the first.
   *
   * @param more codes of dead features; null if there are none
   */
  private double decodeBelow(TorchCodes more, int rows, double weight) {
    // The gradient of the squared error is 2/rows times ŷ − y.
    Tensor below = residualGradient.mul(weight);
    if (more != null) {
      below =
          below.add(
              decoder
                  .embeddingBag(more.features(), more.offsets(), more.values())
                  .mul(2 * weight / rows));
      Tensor gradients = products(below, more);
      codeGradient =
          (decoded.entries() == 0
                  ? gradients
                  : ShapeOperators.cat(List.of(codeGradient, gradients), 0))
              .moveTo(batch);
      decoded = decoded.above(more).moveTo(batch);
    }
    double squares = below.square().sum().item();
    residualGradient = ShapeOperators.cat(List.of(residualGradient, below), 0).moveTo(batch);
    seen = ShapeOperators.cat(List.of(seen, seen), 0).moveTo(batch);
    return squares * rows / (4 * weight);
  }

  @Override
  public void residualProducts(Codes places, float[] out) {
    try (TensorScope scope = TensorScope.open()) {
      transfer.copy(products(residualGradient, upload(places)), out, places.entries());
    }
  }

  /** {@code ⟨residual[bag], W_D[j]⟩} for each entry. */
  private Tensor products(Tensor residual, TorchCodes places) {
    return residual.bagProducts(decoder, places.features(), places.offsets(), places.bags());
  }

  @Override
  public void auxiliaryGradients(Rows target, Codes places, float[] weights, float[] out) {
    try (TensorScope scope = TensorScope.open()) {
      int entries = places.entries();
      TorchCodes codes = upload(places);
      Tensor residual =
          decoder
              .embeddingBag(codes.features(), codes.offsets(), transfer.onDevice(weights, entries))
              .add(decoderBias)
              .sub(transfer.load("target", target))
              .mul(2.0 / places.rows());
      transfer.copy(products(residual, codes), out, entries);
    }
  }

  @Override
  public float[] codeGradients(int entries) {
    hostGradients = ScratchArrays.atLeast(hostGradients, entries);
    transfer.copy(codeGradient, hostGradients, entries);
    return hostGradients;
  }

  @Override
  public void setCodeGradients(float[] gradients, int entries) {
    try (TensorScope scope = TensorScope.open()) {
      codeGradient = transfer.onDevice(gradients, entries).copy().moveTo(batch);
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
      formed =
          gradients
              .form(rows.count(), seen, decoded, residualGradient, codeGradient, terms)
              .moveTo(batch);
    }
  }

  @Override
  public void update(AdamStep step, Codes codes) {
    adam.update(step, formed);
    if (spec.optimiser() == Optimiser.SPARSE_ADAM && formed.active() != null) {
      try (TensorScope scope = TensorScope.open()) {
        selection.rowsChanged(formed.active(), scoringNorms(), adam.chunkRows());
      }
    } else if (spec.optimiser() == Optimiser.ADAM) {
      selection.weightsChanged();
    }
  }

  @Override
  public void copyReconstruction(MemorySegment destination) {
    reconstruction.copyTo(destination.asSlice(0, reconstruction.elements() * Float.BYTES));
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
  public MemorySegment read(String name, Arena target) {
    Tensor tensor = name.equals(EngineState.LAST_STEP) ? adam.lastSteps() : state.get(name);
    if (!device.isCuda()) {
      return tensor.data();
    }
    MemorySegment copy = target.allocate(tensor.elements() * tensor.dtype().bytes(), 64);
    tensor.copyTo(copy);
    return copy;
  }

  @Override
  public void write(String name, MemorySegment data) {
    (name.equals(EngineState.LAST_STEP) ? adam.lastSteps() : state.get(name)).copyFrom(data);
    selection.weightsChanged();
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

package io.sluice.engine;

import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.ReductionOperators;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An engine over LibTorch, on the CPU or a GPU. Gradients are in closed form and sparse: tokens are
 * encoded in chunks, so that {@code rows × features} is never held, and gradients exist for active
 * rows only. Sums over a token's features, or over a feature's tokens, are embedding bags.
 */
public final class TorchEngine extends CheckedEngine {
  private final Device device;
  private final TensorScope owned = TensorScope.detached();
  private final Map<String, Tensor> state = new LinkedHashMap<>();
  private final Tensor encoder;
  private final Tensor encoderBias;
  private final Tensor decoder;
  private final Tensor decoderBias;
  private final Tensor lastFired;
  private final Prefixes prefixes;
  private final HostScratch scratch = new HostScratch();
  private final Staging staging;
  private final Numbers numbers;
  private final TorchSelection selection;
  private final TorchAdam adam;

  /** Groups of matching pursuit, which finds its codes on the host. */
  private FeatureGroups pursued;

  /** What lives from one encode to the next. */
  private TensorScope batch = TensorScope.detached();

  private Tensor input;
  private Tensor seen;
  private Tensor reconstruction;
  private Tensor residualGradient;
  private Tensor codeGradient;
  private TorchAdam.Gradients gradients;

  /** The batch's codes here, if the engine found them; they have not been copied to the host. */
  private TorchCodes found;

  /** Of the codes found here, the lowest rank of a {@link Selection.BatchTopK}; else 0. */
  private float leastRank;

  /** What was decoded. */
  private TorchCodes decoded;

  private float[] hostGradients = new float[0];

  /**
   * An engine on {@code device} that starts from a copy of {@code initial}, with moments of zero.
   *
   * @throws IllegalArgumentException if the shapes disagree with {@code spec}
   * @throws io.sluice.torch.TorchException if LibTorch or the device cannot be used
   */
  public TorchEngine(EngineSpec spec, Parameters initial, Device device) {
    this(spec, initial, device, screening(device));
  }

  /** As the other, with a screening. */
  TorchEngine(
      EngineSpec spec, Parameters initial, Device device, TorchProposals.Screening screening) {
    super(spec, initial);
    Torch.load();
    this.device = device;
    this.prefixes = new Prefixes(spec.prefixes());
    this.numbers = new Numbers(device);
    this.staging = new Staging(device);
    try (TensorScope scope = TensorScope.open()) {
      for (StateTensor tensor : adamState(spec)) {
        long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
        state.put(tensor.name(), Tensor.zeros(DType.F32, device, shape).moveTo(owned));
      }
    }
    encoder = state.get("encoder");
    encoderBias = state.get("encoder_bias");
    decoder = state.get("decoder");
    decoderBias = state.get("decoder_bias");
    encoder.copyFrom(initial.encoder());
    encoderBias.copyFrom(initial.encoderBias());
    decoder.copyFrom(initial.decoder());
    decoderBias.copyFrom(initial.decoderBias());
    try (TensorScope scope = TensorScope.open()) {
      lastFired = Tensor.zeros(DType.I64, device, spec.features()).moveTo(owned);
    }
    selection = new TorchSelection(spec, device, encoder, encoderBias, scratch, numbers, screening);
    adam = new TorchAdam(spec, device, state, owned);
  }

  /** The property {@code sluice.screen} may be {@code none}. */
  private static TorchProposals.Screening screening(Device device) {
    if (!device.isCuda()) {
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

  @Override
  void encodeRows(Rows rows, Selection wanted, Codes codes) {
    try (TensorScope scope = TensorScope.open()) {
      start(rows);
      Tensor norms = spec().rankByDecoderNorm() ? decoderNorms() : null;
      switch (wanted) {
        case Selection.TopK(int k) -> keepLargest(k, norms, false, codes);
        case Selection.AbsTopK(int k) -> keepLargest(k, norms, true, codes);
        case Selection.BatchTopK(int k) -> keepLargestOfAll(k, norms, codes, scope);
        default -> throw new IllegalArgumentException("not a count of features: " + wanted);
      }
    }
  }

  private void keepLargest(int k, Tensor norms, boolean signed, Codes codes) {
    boolean nested = prefixes.levels() > 1;
    TorchCodes chosen =
        selection
            .keepLargest(seen, k, norms, signed, nested, adam.chunkRows(), codes)
            .moveTo(batch);
    if (nested) {
      // Levels are told apart on the host.
      chosen.copyTo(codes, scratch);
    } else {
      found = chosen;
    }
  }

  private void keepLargestOfAll(int k, Tensor norms, Codes codes, TensorScope scope) {
    TorchSelection.Largest largest =
        selection.keepLargestOfAll(seen, k, norms, adam.chunkRows(), codes, scope);
    if (largest == null) {
      return;
    }
    leastRank = largest.least();
    TorchCodes chosen = largest.codes().moveTo(batch);
    if (prefixes.levels() > 1) {
      chosen.copyTo(codes, scratch);
      codes.setLeastRank(leastRank);
    } else {
      found = chosen;
    }
  }

  @Override
  boolean keepsCodes() {
    return found != null;
  }

  @Override
  int keptEntries() {
    return found.entries();
  }

  @Override
  void copyCodes(Codes codes) {
    found.copyTo(codes, scratch);
    codes.setLeastRank(leastRank);
  }

  @Override
  float keptLeastRank() {
    return leastRank;
  }

  @Override
  void encodeAbove(Rows rows, float[] bounds, Codes codes) {
    try (TensorScope scope = TensorScope.open()) {
      start(rows);
      Tensor norms = spec().rankByDecoderNorm() ? decoderNorms() : null;
      selection.keepAbove(seen, bounds, norms, codes);
    }
  }

  @Override
  void readCentred(Rows rows, float[] out) {
    try (TensorScope scope = TensorScope.open()) {
      start(rows);
      copy(seen, out, rows.count() * rows.width());
    }
  }

  @Override
  void startPursuit() {}

  @Override
  void bestFeatures(float[] vectors, int count, int[] features) {
    int width = spec().outputWidth();
    try (TensorScope scope = TensorScope.open()) {
      Tensor residuals = onDevice(vectors, count * width).reshape(count, width);
      Tensor none = Tensor.zeros(DType.F32, device, spec().features());
      MemorySegment indices = scratch.longs("best", 1L * count);
      MemorySegment products = scratch.floats("best products", 1L * count);
      int chunk = selection.chunkRows();
      for (int start = 0; start < count; start += chunk) {
        int length = Math.min(chunk, count - start);
        try (TensorScope inner = TensorScope.open()) {
          ReductionOperators.Selection top =
              residuals.narrow(0, start, length).linear(decoder, none).topk(1, 1, false);
          top.indices().copyTo(indices.asSlice(8L * start, 8L * length));
          top.values().copyTo(products.asSlice(4L * start, 4L * length));
        }
      }
      for (int row = 0; row < count; row++) {
        boolean positive = products.getAtIndex(ValueLayout.JAVA_FLOAT, row) > 0;
        features[row] = positive ? (int) indices.getAtIndex(ValueLayout.JAVA_LONG, row) : -1;
      }
    }
  }

  @Override
  void decoderRows(int[] features, int count, float[] out) {
    if (count == 0) {
      return;
    }
    MemorySegment places = scratch.longs("decoder rows", count);
    for (int row = 0; row < count; row++) {
      places.setAtIndex(ValueLayout.JAVA_LONG, row, Math.max(0, features[row]));
    }
    try (TensorScope scope = TensorScope.open()) {
      copy(
          decoder.indexSelect(0, onDevice(places, DType.I64, count)),
          out,
          count * spec().outputWidth());
    }
  }

  @Override
  void readReconstructionGradient(float[] out, int size) {
    copy(residualGradient, out, size);
  }

  @Override
  FeatureGroups grouped(Codes codes) {
    if (pursued == null) {
      pursued = new FeatureGroups(spec().features());
    }
    pursued.group(codes);
    return pursued;
  }

  @Override
  void updateDecoder(AdamStep step, float[] rowGradients, float[] biasGradient) {
    int width = spec().outputWidth();
    int count = pursued.groups();
    try (TensorScope scope = TensorScope.open()) {
      MemorySegment bias = scratch.floats("bias gradient", width);
      MemorySegment.copy(biasGradient, 0, bias, ValueLayout.JAVA_FLOAT, 0, width);
      Tensor ofBias = onDevice(bias, DType.F32, width);
      if (count == 0) {
        adam.update(step, TorchAdam.Gradients.ofBias(ofBias));
        return;
      }
      // The encoder has no gradient and never had one, so that it stays where it is.
      adam.update(
          step,
          new TorchAdam.Gradients(
              onDevice(pursued.features(), DType.I64, count),
              Tensor.zeros(DType.F32, device, count, spec().inputWidth()),
              Tensor.zeros(DType.F32, device, count),
              onDevice(rowGradients, count * width).reshape(count, width),
              ofBias));
    }
  }

  /** Forgets the last batch and loads the next. */
  private void start(Rows rows) {
    batch.close();
    batch = TensorScope.detached();
    gradients = null;
    found = null;
    leastRank = 0;
    decoded = null;
    input = load("input", rows).moveTo(batch);
    seen = spec().subtractDecoderBias() ? input.sub(decoderBias).moveTo(batch) : input;
  }

  private Tensor decoderNorms() {
    Tensor norms = Tensor.empty(DType.F32, device, spec().features());
    int chunk = adam.chunkRows();
    for (int start = 0; start < spec().features(); start += chunk) {
      int length = Math.min(chunk, spec().features() - start);
      try (TensorScope inner = TensorScope.open()) {
        norms.narrow(0, start, length).copy_(norms(decoder.narrow(0, start, length)));
      }
    }
    return norms;
  }

  /** The lengths of decoder rows, {@code [n]}: of several sites the sum of the norms per site. */
  private Tensor norms(Tensor rows) {
    Tensor sum = null;
    for (Tensor part : parts(rows)) {
      Tensor norm = part.square().sum(false, 1).sqrt_();
      sum = sum == null ? norm : sum.add(norm);
    }
    return sum;
  }

  /** Decoder rows, or their gradient, cut into what belongs to each site. */
  private List<Tensor> parts(Tensor rows) {
    if (spec().siteCount() == 1) {
      return List.of(rows);
    }
    List<Tensor> parts = new ArrayList<>();
    int from = 0;
    for (int width : spec().sites()) {
      parts.add(rows.narrow(1, from, width));
      from += width;
    }
    return parts;
  }

  /** The active decoder rows, each part of unit length; a part of zeros stays. */
  private Tensor unitParts(Tensor active) {
    List<Tensor> unit = new ArrayList<>();
    Tensor least = Tensor.full(1e-30, DType.F32, device, 1);
    for (Tensor part : parts(decoder.indexSelect(0, active))) {
      unit.add(part.div(part.square().sum(true, 1).sqrt_().maximum(least)));
    }
    return ShapeOperators.cat(unit, 1);
  }

  @Override
  double decodeRows(Rows rows, Rows target, Codes codes, boolean withGradients) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor wanted = target == rows ? input : load("target", target);
      int count = rows.count();
      int width = spec().outputWidth();
      int levels = prefixes.levels();
      decoded = found != null ? found : upload(codes).moveTo(batch);
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
        residualGradient = felt(residual).moveTo(batch);
        if (entries > 0) {
          codeGradient = products(residualGradient, decoded).moveTo(batch);
        }
      }
      return error;
    }
  }

  /** What features of each level feel: the sum over the levels from theirs on. */
  private Tensor felt(Tensor residual) {
    int levels = prefixes.levels();
    Tensor[] sums = new Tensor[levels];
    sums[levels - 1] = residual.select(1, levels - 1);
    for (int level = levels - 2; level >= 0; level--) {
      sums[level] = sums[level + 1].add(residual.select(1, level));
    }
    Tensor stacked = levels == 1 ? sums[0] : ShapeOperators.stack(List.of(sums), 1);
    return stacked.reshape(-1, spec().outputWidth());
  }

  private TorchCodes upload(Codes codes) {
    return TorchCodes.upload(codes, prefixes, scratch, device);
  }

  @Override
  void encodeAmong(int[] features, int count, int k, Codes found) {
    try (TensorScope scope = TensorScope.open()) {
      MemorySegment host = scratch.longs("dead", count);
      for (int i = 0; i < count; i++) {
        host.setAtIndex(ValueLayout.JAVA_LONG, i, features[i]);
      }
      Tensor rows = onDevice(host, DType.I64, count);
      Tensor among = encoder.indexSelect(0, rows);
      Tensor bias = encoderBias.indexSelect(0, rows);
      Tensor norms = spec().rankByDecoderNorm() ? decoderNorms().indexSelect(0, rows) : null;
      int tokens = Math.toIntExact(seen.size(0));
      Tensor indices = Tensor.empty(DType.I64, device, tokens, k);
      Tensor values = Tensor.empty(DType.F32, device, tokens, k);
      int chunk = selection.chunkRows();
      for (int start = 0; start < tokens; start += chunk) {
        int length = Math.min(chunk, tokens - start);
        try (TensorScope inner = TensorScope.open()) {
          Tensor activation = seen.narrow(0, start, length).linear(among, bias);
          Tensor rank = norms == null ? activation : activation.mul(norms);
          ReductionOperators.Selection top = rank.topk(k, 1, false);
          indices.narrow(0, start, length).copy_(top.indices());
          values
              .narrow(0, start, length)
              .copy_(norms == null ? top.values() : activation.gather(1, top.indices()));
        }
      }
      int chosen = Math.multiplyExact(tokens, k);
      MemorySegment hostIndices = scratch.longs("indices", chosen);
      MemorySegment hostValues = scratch.floats("values", chosen);
      indices.copyTo(hostIndices);
      values.copyTo(hostValues);
      found.begin(tokens, chosen);
      int entry = 0;
      for (int row = 0; row < tokens; row++) {
        for (int i = row * k; i < (row + 1) * k; i++) {
          float value = hostValues.getAtIndex(ValueLayout.JAVA_FLOAT, i);
          if (!(value <= 0)) {
            int place = (int) hostIndices.getAtIndex(ValueLayout.JAVA_LONG, i);
            found.set(entry++, features[place], value);
          }
        }
        found.endRow(entry);
      }
    }
  }

  @Override
  double reviveRows(Codes raised, double weight) {
    int entries = raised.entries();
    int rows = raised.rows();
    try (TensorScope scope = TensorScope.open()) {
      // The gradient of the squared error is 2/rows times ŷ − y.
      Tensor below = residualGradient.mul(weight);
      if (entries > 0) {
        TorchCodes more = upload(raised);
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
  }

  @Override
  void residualProducts(Codes places, float[] out) {
    try (TensorScope scope = TensorScope.open()) {
      copy(products(residualGradient, upload(places)), out, places.entries());
    }
  }

  /** {@code ⟨residual[bag], W_D[j]⟩} for each entry. */
  private Tensor products(Tensor residual, TorchCodes places) {
    return residual.bagProducts(decoder, places.features(), places.offsets(), places.bags());
  }

  @Override
  void auxiliaryGradients(Rows target, Codes places, float[] weights, float[] out) {
    try (TensorScope scope = TensorScope.open()) {
      int entries = places.entries();
      TorchCodes codes = upload(places);
      Tensor residual =
          decoder
              .embeddingBag(codes.features(), codes.offsets(), onDevice(weights, entries))
              .add(decoderBias)
              .sub(load("target", target))
              .mul(2.0 / places.rows());
      copy(products(residual, codes), out, entries);
    }
  }

  @Override
  float[] codeGradients(int entries) {
    hostGradients = hostGradients.length >= entries ? hostGradients : new float[entries];
    copy(codeGradient, hostGradients, entries);
    return hostGradients;
  }

  @Override
  void setCodeGradients(float[] gradients, int entries) {
    try (TensorScope scope = TensorScope.open()) {
      codeGradient = onDevice(gradients, entries).copy().moveTo(batch);
    }
  }

  @Override
  void readDecoderNorms(double[] out) {
    try (TensorScope scope = TensorScope.open()) {
      MemorySegment host = scratch.floats("norms", out.length);
      decoderNorms().copyTo(host);
      for (int feature = 0; feature < out.length; feature++) {
        out[feature] = host.getAtIndex(ValueLayout.JAVA_FLOAT, feature);
      }
    }
  }

  @Override
  void readEncoderBias(float[] out) {
    copy(encoderBias, out, out.length);
  }

  private void copy(Tensor from, float[] to, int count) {
    MemorySegment host = scratch.floats("to host", count);
    from.copyTo(host);
    MemorySegment.copy(host, ValueLayout.JAVA_FLOAT, 0, to, 0, count);
  }

  private Tensor onDevice(float[] values, int count) {
    MemorySegment host = scratch.floats("from host", count);
    MemorySegment.copy(values, 0, host, ValueLayout.JAVA_FLOAT, 0, count);
    return onDevice(host, DType.F32, count);
  }

  /** Of a number per feature, those of the active features, on the device. */
  private Tensor ofActive(double[] values, String name, Tensor active) {
    MemorySegment host = scratch.floats(name, values.length);
    for (int feature = 0; feature < values.length; feature++) {
      host.setAtIndex(ValueLayout.JAVA_FLOAT, feature, (float) values[feature]);
    }
    return onDevice(host, DType.F32, values.length).indexSelect(0, active);
  }

  @Override
  void accumulateRows(Rows rows, Codes codes) {
    try (TensorScope scope = TensorScope.open()) {
      int levels = prefixes.levels();
      Tensor decoderBiasGradient =
          residualGradient
              .narrow(0, 0, (long) rows.count() * levels)
              .reshape(rows.count(), levels, spec().outputWidth())
              .select(1, 0)
              .sum(false, 0);
      if (decoded.entries() == 0) {
        gradients = TorchAdam.Gradients.ofBias(decoderBiasGradient.moveTo(batch));
        return;
      }
      int entries = decoded.entries();
      TorchGroups groups = TorchGroups.of(decoded, numbers.upTo(entries + 1L));
      Tensor active = groups.features().moveTo(batch);
      Tensor weights = codeGradient.indexSelect(0, groups.order());
      Tensor decoderGradient =
          groups.sum(
              residualGradient, groups.bags(), decoded.values().indexSelect(0, groups.order()));
      if (pull() != null) {
        Tensor pulls = ofActive(pull(), "pull", active).reshape(-1, 1);
        Tensor along = spec().siteCount() == 1 ? decoder.indexSelect(0, active) : unitParts(active);
        decoderGradient = decoderGradient.add(along.mul(pulls));
      }
      Tensor encoderGradient = groups.sum(seen, groups.tokens(), weights);
      Tensor encoderBiasGradient =
          groups.sum(codeGradient.reshape(entries, 1), groups.order(), null).reshape(-1);
      if (spec().subtractDecoderBias()) {
        decoderBiasGradient =
            decoderBiasGradient.sub(weightedRows(encoder, active, encoderBiasGradient));
      }
      if (biasShift() != null) {
        encoderBiasGradient = encoderBiasGradient.sub(ofActive(biasShift(), "bias shift", active));
      }
      gradients =
          new TorchAdam.Gradients(
              active,
              encoderGradient.moveTo(batch),
              encoderBiasGradient.moveTo(batch),
              decoderGradient.moveTo(batch),
              decoderBiasGradient.moveTo(batch));
    }
  }

  /** {@code Σ_j weights[j] · table[rows[j]]}, in bags of 64 so that threads can share the work. */
  private Tensor weightedRows(Tensor table, Tensor rows, Tensor weights) {
    long count = rows.elements();
    long bags = (count + 63) / 64;
    Tensor starts =
        numbers
            .upTo(bags + 1)
            .to(DType.F64)
            .mul(64)
            .minimum(Tensor.full(count, DType.F64, device, 1))
            .to(DType.I64);
    return table.embeddingBag(rows, starts, weights).sum(false, 0);
  }

  @Override
  void updateRows(AdamStep step, Codes codes) {
    adam.update(step, gradients);
    if (spec().optimiser() == Optimiser.SPARSE_ADAM && gradients.active() != null) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor norms = spec().rankByDecoderNorm() ? decoderNorms() : null;
        selection.rowsChanged(gradients.active(), norms, adam.chunkRows());
      }
    } else if (spec().optimiser() == Optimiser.ADAM) {
      selection.weightsChanged();
    }
  }

  @Override
  void noteFired(Codes codes, long clock) {
    try (TensorScope scope = TensorScope.open()) {
      TorchCodes fired = found != null ? found : upload(codes);
      if (fired.entries() > 0) {
        Tensor at = Tensor.full(clock, DType.I64, device, 1).expand(fired.entries());
        // A feature that stands there several times gets the same number each time.
        lastFired.indexCopy_(0, fired.features().to(DType.I64), at);
      }
    }
  }

  @Override
  int countFiredSince(long clock) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor bound = Tensor.full(clock, DType.I64, device, 1);
      return (int) lastFired.gt(bound).to(DType.I64).sum().item();
    }
  }

  @Override
  MemorySegment readLastFired(Arena target) {
    if (!device.isCuda()) {
      return lastFired.data();
    }
    MemorySegment copy = target.allocate(lastFired.elements() * Long.BYTES, 64);
    lastFired.copyTo(copy);
    return copy;
  }

  @Override
  void writeLastFired(MemorySegment data) {
    lastFired.copyFrom(data);
  }

  /** The batch as float32 on the device, scaled; on the CPU it may be the caller's own memory. */
  private Tensor load(String name, Rows rows) {
    Tensor values =
        device.isCuda()
            ? staging.send(name, rows)
            : Tensor.of(rows.memory(), rows.dtype(), rows.count(), rows.width());
    if (rows.dtype() != DType.F32) {
      values = values.to(DType.F32);
    }
    return rows.scale() == 1 ? values : values.mul(rows.scale());
  }

  private Tensor onDevice(MemorySegment memory, DType dtype, long... shape) {
    Tensor host = Tensor.of(memory, dtype, shape);
    return device.isCuda() ? host.to(device) : host;
  }

  @Override
  void copyReconstruction(MemorySegment destination) {
    reconstruction.copyTo(destination.asSlice(0, reconstruction.elements() * Float.BYTES));
  }

  @Override
  List<StateTensor> ownState() {
    return lazyAdamState(spec());
  }

  @Override
  MemorySegment readOwn(String name, Arena target) {
    Tensor tensor = name.equals(LAST_STEP) ? adam.lastSteps() : state.get(name);
    if (!device.isCuda()) {
      return tensor.data();
    }
    MemorySegment copy = target.allocate(tensor.elements() * tensor.dtype().bytes(), 64);
    tensor.copyTo(copy);
    return copy;
  }

  @Override
  void writeOwn(String name, MemorySegment data) {
    (name.equals(LAST_STEP) ? adam.lastSteps() : state.get(name)).copyFrom(data);
    selection.weightsChanged();
  }

  @Override
  void release() {
    batch.close();
    owned.close();
    numbers.close();
    selection.close();
    staging.close();
    scratch.close();
    if (pursued != null) {
      pursued.close();
    }
  }
}

package io.sluice.engine;

import io.sluice.simd.Quickselect;
import io.sluice.torch.DType;
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
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

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
  private final FeatureGroups groups;
  private final Prefixes prefixes;
  private final HostScratch scratch = new HostScratch();
  private final TorchAdam adam;

  /** What lives from one encode to the next. */
  private TensorScope batch = TensorScope.detached();

  private Tensor input;
  private Tensor seen;
  private Tensor reconstruction;
  private Tensor residualGradient;
  private Tensor codeGradient;
  private Tensor codeValues;
  private TorchAdam.Gradients gradients;

  private float[] hostGradients = new float[0];

  /**
   * An engine on {@code device} that starts from a copy of {@code initial}, with moments of zero.
   *
   * @throws IllegalArgumentException if the shapes disagree with {@code spec}
   * @throws io.sluice.torch.TorchException if LibTorch or the device cannot be used
   */
  public TorchEngine(EngineSpec spec, Parameters initial, Device device) {
    super(spec, initial);
    Torch.load();
    this.device = device;
    this.groups = new FeatureGroups(spec.features());
    this.prefixes = new Prefixes(spec.prefixes());
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
    adam = new TorchAdam(spec, device, state, groups, scratch);
  }

  @Override
  public String name() {
    return "torch " + device;
  }

  @Override
  void encodeRows(Rows rows, Selection selection, Codes codes) {
    try (TensorScope scope = TensorScope.open()) {
      start(rows);
      Tensor norms = spec().rankByDecoderNorm() ? decoderNorms() : null;
      switch (selection) {
        case Selection.TopK(int k) -> keepLargest(rows.count(), k, norms, false, codes);
        case Selection.AbsTopK(int k) -> keepLargest(rows.count(), k, norms, true, codes);
        case Selection.BatchTopK(int k) -> keepLargestOfAll(rows.count(), k, norms, codes);
        default -> throw new IllegalArgumentException("not a count of features: " + selection);
      }
    }
  }

  @Override
  void encodeAbove(Rows rows, float[] bounds, Codes codes) {
    try (TensorScope scope = TensorScope.open()) {
      start(rows);
      Tensor norms = spec().rankByDecoderNorm() ? decoderNorms() : null;
      keepAbove(rows.count(), bounds, norms, codes);
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
      int chunk = chunkRows();
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
    groups.group(codes);
    return groups;
  }

  @Override
  void updateDecoder(AdamStep step, float[] rowGradients, float[] biasGradient) {
    int width = spec().outputWidth();
    int count = groups.groups();
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
              onDevice(groups.features(), DType.I64, count),
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
    input = load(rows).moveTo(batch);
    seen = spec().subtractDecoderBias() ? input.sub(decoderBias).moveTo(batch) : input;
  }

  private void keepLargest(int count, int k, Tensor norms, boolean signed, Codes codes) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor indices = Tensor.empty(DType.I64, device, count, k);
      Tensor values = Tensor.empty(DType.F32, device, count, k);
      int chunk = chunkRows();
      for (int start = 0; start < count; start += chunk) {
        int length = Math.min(chunk, count - start);
        try (TensorScope inner = TensorScope.open()) {
          Tensor activation = seen.narrow(0, start, length).linear(encoder, encoderBias);
          Tensor rank = norms == null ? activation : activation.mul(norms);
          ReductionOperators.Selection top = (signed ? rank.abs() : rank).topk(k, 1, false);
          indices.narrow(0, start, length).copy_(top.indices());
          values
              .narrow(0, start, length)
              .copy_(norms == null && !signed ? top.values() : activation.gather(1, top.indices()));
        }
      }
      fill(codes, count, k, indices, values, signed);
    }
  }

  private void keepAbove(int count, float[] bounds, Tensor norms, Codes codes) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor bound = Tensor.ofFloats(bounds, bounds.length);
      Tensor onDevice = device.isCuda() ? bound.to(device) : bound;
      Candidates found = new Candidates();
      forChunks(
          count,
          norms,
          (start, activation, rank) -> {
            // Row by row, and in a row by feature: the order in which codes stand.
            Tensor places = rank.gt(onDevice).reshape(-1).nonzero().reshape(-1);
            found.add(start, activation.reshape(-1), rank.reshape(-1), places);
          });
      found.copyTo(codes, count, false);
    }
  }

  private void keepLargestOfAll(int count, int k, Tensor norms, Codes codes) {
    try (TensorScope scope = TensorScope.open()) {
      int wanted = Math.multiplyExact(count, k);
      Candidates found = new Candidates();
      forChunks(
          count,
          norms,
          (start, activation, rank) -> {
            Tensor flat = rank.reshape(-1);
            Tensor top = flat.topk(Math.min(wanted, flat.elements()), 0, false).indices();
            found.add(start, activation.reshape(-1), flat, top);
          });
      float least = found.keepLargest(wanted);
      found.copyTo(codes, count, true);
      codes.setLeastRank(least);
    }
  }

  @FunctionalInterface
  private interface Chunk {
    /**
     * Takes the activations and ranks, {@code [rows, features]}, of the rows from {@code start}.
     */
    void take(int start, Tensor activation, Tensor rank);
  }

  private void forChunks(int count, Tensor norms, Chunk body) {
    int chunk = chunkRows();
    for (int start = 0; start < count; start += chunk) {
      int length = Math.min(chunk, count - start);
      try (TensorScope inner = TensorScope.open()) {
        Tensor activation = seen.narrow(0, start, length).linear(encoder, encoderBias);
        body.take(start, activation, norms == null ? activation : activation.mul(norms));
      }
    }
  }

  /** Codes of the batch on the host: places count row after row, as {@code row · features + j}. */
  private final class Candidates {
    private long[] places = new long[0];
    private float[] values = new float[0];
    private float[] ranks = new float[0];

    void add(int startRow, Tensor activation, Tensor rank, Tensor chosen) {
      int more = Math.toIntExact(chosen.elements());
      if (more == 0) {
        return;
      }
      int size = places.length;
      int grown = Math.addExact(size, more);
      places = Arrays.copyOf(places, grown);
      values = Arrays.copyOf(values, grown);
      ranks = Arrays.copyOf(ranks, grown);
      MemorySegment hostPlaces = scratch.longs("places", more);
      MemorySegment hostValues = scratch.floats("values", more);
      MemorySegment hostRanks = scratch.floats("ranks", more);
      chosen.copyTo(hostPlaces);
      activation.indexSelect(0, chosen).copyTo(hostValues);
      rank.indexSelect(0, chosen).copyTo(hostRanks);
      MemorySegment.copy(hostPlaces, ValueLayout.JAVA_LONG, 0, places, size, more);
      MemorySegment.copy(hostValues, ValueLayout.JAVA_FLOAT, 0, values, size, more);
      MemorySegment.copy(hostRanks, ValueLayout.JAVA_FLOAT, 0, ranks, size, more);
      for (int i = size; i < grown; i++) {
        places[i] += (long) startRow * spec().features();
      }
    }

    /**
     * Keeps the largest ranks, of equal ones those of the lower place, in order of their places.
     *
     * @return the least positive one that stays, 0 if none does
     */
    float keepLargest(int wanted) {
      // A batch's codes are few beside its activations, so a sort costs nothing that counts.
      int[] order =
          IntStream.range(0, places.length)
              .boxed()
              .sorted(Comparator.comparingLong(i -> places[i]))
              .mapToInt(Integer::intValue)
              .toArray();
      float least = 0;
      int equal = 0;
      if (wanted < ranks.length) {
        least = Quickselect.largest(ranks.clone(), ranks.length, wanted);
        equal = wanted;
        for (float rank : ranks) {
          equal -= rank > least ? 1 : 0;
        }
      }
      long[] keptPlaces = new long[places.length];
      float[] keptValues = new float[places.length];
      int kept = 0;
      float lowest = Float.POSITIVE_INFINITY;
      for (int i : order) {
        if (ranks[i] > least || ranks[i] == least && equal-- > 0) {
          keptPlaces[kept] = places[i];
          keptValues[kept++] = values[i];
          lowest = ranks[i] > 0 ? Math.min(lowest, ranks[i]) : lowest;
        }
      }
      places = Arrays.copyOf(keptPlaces, kept);
      values = Arrays.copyOf(keptValues, kept);
      return lowest == Float.POSITIVE_INFINITY ? 0 : lowest;
    }

    void copyTo(Codes codes, int rows, boolean positive) {
      int features = spec().features();
      codes.begin(rows, places.length);
      int entry = 0;
      int kept = 0;
      for (int row = 0; row < rows; row++) {
        for (; entry < places.length && places[entry] / features == row; entry++) {
          // Not (value > 0), which would pass over NaN.
          if (!positive || !(values[entry] <= 0)) {
            codes.put(kept++, (int) (places[entry] % features), values[entry]);
          }
        }
        codes.endRow(kept);
      }
    }
  }

  /** Moves the chosen features to the host and leaves out those that are 0, or ReLU makes 0. */
  private void fill(Codes codes, int count, int k, Tensor indices, Tensor values, boolean signed) {
    int chosen = Math.multiplyExact(count, k);
    MemorySegment hostIndices = scratch.longs("indices", chosen);
    MemorySegment hostValues = scratch.floats("values", chosen);
    indices.copyTo(hostIndices);
    values.copyTo(hostValues);
    codes.begin(count, chosen);
    int entry = 0;
    for (int row = 0; row < count; row++) {
      if (prefixes.levels() > 1) {
        sortByFeature(hostIndices, hostValues, row * k, (row + 1) * k);
      }
      for (int i = row * k; i < (row + 1) * k; i++) {
        float value = hostValues.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        // Not (value > 0), which would pass over NaN.
        if (signed ? value != 0 : !(value <= 0)) {
          int feature = (int) hostIndices.getAtIndex(ValueLayout.JAVA_LONG, i);
          codes.put(entry++, feature, value);
        }
      }
      codes.endRow(entry);
    }
  }

  /** LibTorch gives a token's largest in no order; a nested dictionary needs that of features. */
  private static void sortByFeature(
      MemorySegment features, MemorySegment values, int from, int to) {
    for (int i = from + 1; i < to; i++) {
      long feature = features.getAtIndex(ValueLayout.JAVA_LONG, i);
      float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      int at = i;
      for (; at > from && features.getAtIndex(ValueLayout.JAVA_LONG, at - 1) > feature; at--) {
        features.setAtIndex(
            ValueLayout.JAVA_LONG, at, features.getAtIndex(ValueLayout.JAVA_LONG, at - 1));
        values.setAtIndex(
            ValueLayout.JAVA_FLOAT, at, values.getAtIndex(ValueLayout.JAVA_FLOAT, at - 1));
      }
      features.setAtIndex(ValueLayout.JAVA_LONG, at, feature);
      values.setAtIndex(ValueLayout.JAVA_FLOAT, at, value);
    }
  }

  /** How many tokens' pre-activations are held at once: what fits caches, or fills a GPU. */
  private int chunkRows() {
    long elements = device.isCuda() ? 1L << 28 : 1L << 22;
    return Math.clamp(elements / spec().features(), 16, 8192);
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
      Tensor wanted = target == rows ? input : load(target);
      int count = rows.count();
      int width = spec().outputWidth();
      int levels = prefixes.levels();
      int entries = codes.entries();
      Tensor found;
      if (entries == 0) {
        found = decoderBias.expand((long) count * levels, width).contiguous();
      } else {
        Tensor features = onDevice(codes.features(), DType.I32, entries);
        codeValues = onDevice(codes.values(), DType.F32, entries).moveTo(batch);
        Tensor parts = decoder.embeddingBag(features, bags(codes), codeValues);
        if (levels > 1) {
          parts = parts.reshape(count, levels, width).cumsum(1).reshape(-1, width);
        }
        found = parts.add(decoderBias);
      }
      Tensor all = found.reshape(count, levels, width);
      reconstruction = all.select(1, levels - 1).contiguous().moveTo(batch);
      double error = reconstruction.sub(wanted).square().sum().item();
      if (withGradients) {
        Tensor residual = all.sub(wanted.reshape(count, 1, width)).mul(2.0 / count / levels);
        residualGradient = felt(residual).moveTo(batch);
        if (entries > 0) {
          codeGradient = products(residualGradient, codes).moveTo(batch);
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

  /** Where the entries of each token and level begin, and all end; int32 on the device. */
  private Tensor bags(Codes codes) {
    int levels = prefixes.levels();
    int rows = codes.rows();
    if (levels == 1) {
      return onDevice(codes.offsets(), DType.I32, rows + 1);
    }
    MemorySegment starts = scratch.ints("level starts", (long) rows * levels + 1);
    for (int row = 0; row < rows; row++) {
      int from = codes.offset(row);
      for (int level = 0; level < levels; level++) {
        starts.setAtIndex(ValueLayout.JAVA_INT, (long) row * levels + level, from);
        from = prefixes.end(codes, level, from, codes.offset(row + 1));
      }
    }
    starts.setAtIndex(ValueLayout.JAVA_INT, (long) rows * levels, codes.entries());
    return onDevice(starts, DType.I32, (long) rows * levels + 1);
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
      int tokens = codes().rows();
      Tensor indices = Tensor.empty(DType.I64, device, tokens, k);
      Tensor values = Tensor.empty(DType.F32, device, tokens, k);
      int chunk = chunkRows();
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
        Tensor features = onDevice(raised.features(), DType.I32, entries);
        Tensor offsets = onDevice(raised.offsets(), DType.I32, rows + 1);
        Tensor values = onDevice(raised.values(), DType.F32, entries);
        below = below.add(decoder.embeddingBag(features, offsets, values).mul(2 * weight / rows));
        Tensor gradients = products(below, raised);
        boolean alone = codes().entries() == 0;
        codeValues =
            (alone ? values.copy() : ShapeOperators.cat(List.of(codeValues, values), 0))
                .moveTo(batch);
        codeGradient =
            (alone ? gradients : ShapeOperators.cat(List.of(codeGradient, gradients), 0))
                .moveTo(batch);
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
      copy(products(residualGradient, places), out, places.entries());
    }
  }

  /** {@code ⟨residual[token, level of j], W_D[j]⟩} for each entry. */
  private Tensor products(Tensor residual, Codes places) {
    int entries = places.entries();
    return residual.bagProducts(
        decoder,
        onDevice(places.features(), DType.I32, entries),
        bags(places),
        onDevice(bagsOfEntries(places), DType.I32, entries));
  }

  @Override
  void auxiliaryGradients(Rows target, Codes places, float[] weights, float[] out) {
    try (TensorScope scope = TensorScope.open()) {
      int entries = places.entries();
      Tensor features = onDevice(places.features(), DType.I32, entries);
      Tensor offsets = onDevice(places.offsets(), DType.I32, places.rows() + 1);
      Tensor residual =
          decoder
              .embeddingBag(features, offsets, onDevice(weights, entries))
              .add(decoderBias)
              .sub(load(target))
              .mul(2.0 / places.rows());
      copy(products(residual, places), out, entries);
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
  private Tensor ofActive(double[] values, String name) {
    int count = groups.groups();
    MemorySegment host = scratch.floats(name, count);
    for (int group = 0; group < count; group++) {
      host.setAtIndex(ValueLayout.JAVA_FLOAT, group, (float) values[groups.feature(group)]);
    }
    return onDevice(host, DType.F32, count);
  }

  private int bagOf(int row, int feature) {
    int levels = prefixes.levels();
    return levels == 1 ? row : row * levels + prefixes.levelOf(feature);
  }

  /** The row of the residual's gradient that each place of the groups feels. */
  private Tensor feltByPlace(int entries) {
    MemorySegment felt = scratch.ints("felt", entries);
    for (int group = 0; group < groups.groups(); group++) {
      int level = prefixes.levelOf(groups.feature(group));
      for (int place = groups.start(group); place < groups.start(group + 1); place++) {
        int row = groups.token(place) * prefixes.levels() + level;
        felt.setAtIndex(ValueLayout.JAVA_INT, place, row);
      }
    }
    return onDevice(felt, DType.I32, entries);
  }

  private MemorySegment bagsOfEntries(Codes codes) {
    MemorySegment tokens = scratch.ints("bags of entries", codes.entries());
    for (int row = 0; row < codes.rows(); row++) {
      int end = codes.offset(row + 1);
      for (int entry = codes.offset(row); entry < end; entry++) {
        tokens.setAtIndex(ValueLayout.JAVA_INT, entry, bagOf(row, codes.feature(entry)));
      }
    }
    return tokens;
  }

  @Override
  void accumulateRows(Rows rows, Codes codes) {
    groups.group(codes);
    try (TensorScope scope = TensorScope.open()) {
      int levels = prefixes.levels();
      Tensor decoderBiasGradient =
          residualGradient
              .narrow(0, 0, (long) rows.count() * levels)
              .reshape(rows.count(), levels, spec().outputWidth())
              .select(1, 0)
              .sum(false, 0);
      if (groups.groups() == 0) {
        gradients = TorchAdam.Gradients.ofBias(decoderBiasGradient.moveTo(batch));
        return;
      }
      int entries = codes.entries();
      Pieces pieces = pieces();
      Tensor tokens = onDevice(groups.tokens(), DType.I32, entries);
      Tensor order = onDevice(groups.entries(), DType.I32, entries);
      Tensor active = onDevice(groups.features(), DType.I64, groups.groups()).moveTo(batch);
      Tensor weights = codeGradient.indexSelect(0, order);
      Tensor decoderGradient =
          pieces.sum(
              residualGradient,
              levels == 1 ? tokens : feltByPlace(entries),
              codeValues.indexSelect(0, order));
      if (pull() != null) {
        Tensor pulls = ofActive(pull(), "pull").reshape(-1, 1);
        Tensor along = spec().siteCount() == 1 ? decoder.indexSelect(0, active) : unitParts(active);
        decoderGradient = decoderGradient.add(along.mul(pulls));
      }
      Tensor encoderGradient = pieces.sum(seen, tokens, weights);
      Tensor encoderBiasGradient =
          pieces.sum(codeGradient.reshape(entries, 1), order, null).reshape(-1);
      if (spec().subtractDecoderBias()) {
        decoderBiasGradient =
            decoderBiasGradient.sub(weightedRows(encoder, active, encoderBiasGradient));
      }
      if (biasShift() != null) {
        encoderBiasGradient = encoderBiasGradient.sub(ofActive(biasShift(), "bias shift"));
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

  /** No sum is longer than this: what adds up a longer one alone keeps the others waiting. */
  private static final int PIECE = 128;

  /**
   * The places of all groups in pieces of at most {@link #PIECE}, and those of each group.
   *
   * @param starts int32 {@code [pieces + 1]}
   * @param numbers 0 to {@code pieces − 1}; null if each group is one piece
   * @param ofGroups where each group's pieces begin, int32 {@code [groups + 1]}; null likewise
   */
  private record Pieces(Tensor starts, Tensor numbers, Tensor ofGroups) {
    /** {@code Σ weights[p] · table[indices[p]]} over the places {@code p} of each group. */
    Tensor sum(Tensor table, Tensor indices, Tensor weights) {
      Tensor sums = table.embeddingBag(indices, starts, weights);
      return ofGroups == null ? sums : sums.embeddingBag(numbers, ofGroups, null);
    }
  }

  private Pieces pieces() {
    int count = groups.groups();
    int pieces = 0;
    for (int group = 0; group < count; group++) {
      pieces += (groups.start(group + 1) - groups.start(group) + PIECE - 1) / PIECE;
    }
    if (pieces == count) {
      return new Pieces(onDevice(groups.starts(), DType.I32, count + 1), null, null);
    }
    MemorySegment starts = scratch.ints("piece starts", pieces + 1L);
    MemorySegment numbers = scratch.ints("piece numbers", pieces);
    MemorySegment ofGroups = scratch.ints("pieces of groups", count + 1L);
    int piece = 0;
    for (int group = 0; group < count; group++) {
      ofGroups.setAtIndex(ValueLayout.JAVA_INT, group, piece);
      for (int from = groups.start(group); from < groups.start(group + 1); from += PIECE) {
        numbers.setAtIndex(ValueLayout.JAVA_INT, piece, piece);
        starts.setAtIndex(ValueLayout.JAVA_INT, piece++, from);
      }
    }
    ofGroups.setAtIndex(ValueLayout.JAVA_INT, count, piece);
    starts.setAtIndex(ValueLayout.JAVA_INT, piece, groups.start(count));
    return new Pieces(
        onDevice(starts, DType.I32, pieces + 1),
        onDevice(numbers, DType.I32, pieces),
        onDevice(ofGroups, DType.I32, count + 1));
  }

  /** {@code Σ_j weights[j] · table[rows[j]]}, in bags of 64 so that threads can share the work. */
  private Tensor weightedRows(Tensor table, Tensor rows, Tensor weights) {
    int count = groups.groups();
    int bags = (count + 63) / 64;
    MemorySegment starts = scratch.longs("bags", bags + 1);
    for (int bag = 0; bag <= bags; bag++) {
      starts.setAtIndex(ValueLayout.JAVA_LONG, bag, Math.min(count, 64L * bag));
    }
    Tensor offsets = onDevice(starts, DType.I64, bags + 1);
    return table.embeddingBag(rows, offsets, weights).sum(false, 0);
  }

  @Override
  void updateRows(AdamStep step, Codes codes) {
    adam.update(step, gradients);
  }

  /** The batch as float32 on the device, scaled; on the CPU it may be the caller's own memory. */
  private Tensor load(Rows rows) {
    Tensor values = onDevice(rows.memory(), rows.dtype(), rows.count(), rows.width());
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
    if (name.equals(LAST_STEP)) {
      return adam.lastSteps();
    }
    Tensor tensor = state.get(name);
    if (!device.isCuda()) {
      return tensor.data();
    }
    MemorySegment copy = target.allocate(tensor.elements() * Float.BYTES, 64);
    tensor.copyTo(copy);
    return copy;
  }

  @Override
  void writeOwn(String name, MemorySegment data) {
    if (name.equals(LAST_STEP)) {
      adam.lastSteps().copyFrom(data);
    } else {
      state.get(name).copyFrom(data);
    }
  }

  @Override
  void release() {
    batch.close();
    owned.close();
    groups.close();
    scratch.close();
    adam.close();
  }
}

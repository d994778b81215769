package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.DType;
import io.sluice.memory.ScratchArrays;
import io.sluice.simd.batch.Quickselect;
import io.sluice.torch.Device;
import io.sluice.torch.ReductionOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Selections that are finished in host memory: by thresholds, whose number of codes is not known in
 * advance; among dead features; for matching pursuit; and, on a CPU, the largest of a batch.
 */
final class TorchHostSelection {
  private final EngineSpec spec;
  private final Device device;
  private final EncoderProduct product;
  private final Tensor decoder;
  private final TorchTransfer transfer;
  private final int chunkRows;

  TorchHostSelection(
      EngineSpec spec,
      EncoderProduct product,
      Tensor decoder,
      TorchTransfer transfer,
      int chunkRows) {
    this.spec = spec;
    this.device = transfer.device();
    this.product = product;
    this.decoder = decoder;
    this.transfer = transfer;
    this.chunkRows = chunkRows;
  }

  /** All whose score is above their bound. */
  void keepAbove(Tensor seen, float[] bounds, Tensor norms, Codes codes) {
    int count = Math.toIntExact(seen.size(0));
    Tensor bound = Tensor.ofFloats(bounds, bounds.length);
    Tensor onDevice = device.isCuda() ? bound.to(device) : bound;
    Candidates found = new Candidates();
    forChunks(
        seen,
        norms,
        (start, activation, score) -> {
          // Row by row, and by feature within a row: the order of codes.
          Tensor places = score.gt(onDevice).reshape(-1).nonzero().reshape(-1);
          found.add(start, activation.reshape(-1), score.reshape(-1), places);
        });
    found.copyTo(codes, count, false);
  }

  /** The {@code k} times as many as tokens that are the largest of all. */
  void keepLargestOfAll(Tensor seen, int k, Tensor norms, Codes codes) {
    int count = Math.toIntExact(seen.size(0));
    int wanted = Math.multiplyExact(count, k);
    Candidates found = new Candidates();
    forChunks(
        seen,
        norms,
        (start, activation, score) -> {
          Tensor flat = score.reshape(-1);
          Tensor top = flat.topk(Math.min(wanted, flat.elements()), 0, false).indices();
          found.add(start, activation.reshape(-1), flat, top);
        });
    float least = found.keepLargest(wanted);
    found.copyTo(codes, count, true);
    codes.setLeastScore(least);
  }

  /**
   * The {@code k} largest of each token among some features.
   *
   * @param features ascending; {@code count} of them
   * @param norms of all decoder rows, where features are scored by them; else null
   */
  void keepAmong(Tensor seen, int[] features, int count, int k, Tensor norms, Codes found) {
    MemorySegment host = transfer.scratch().longs("dead", count);
    for (int i = 0; i < count; i++) {
      host.setAtIndex(ValueLayout.JAVA_LONG, i, features[i]);
    }
    Tensor rows = transfer.onDevice(host, DType.I64, count);
    int tokens = Math.toIntExact(seen.size(0));
    ReductionOperators.Selection best = largestAmong(seen, rows, k, norms);
    Tensor indices = best.indices();
    Tensor values = best.values();
    int chosen = Math.multiplyExact(tokens, k);
    MemorySegment hostIndices = transfer.scratch().longs("indices", chosen);
    MemorySegment hostValues = transfer.scratch().floats("values", chosen);
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

  /**
   * The {@code k} largest of each token among some features, on the device: places in {@code
   * features}, int64, and activations, float32, both {@code [n, k]}.
   *
   * @param features int64
   * @param norms of all decoder rows, where features are scored by them; else null
   */
  ReductionOperators.Selection largestAmong(Tensor seen, Tensor features, int k, Tensor norms) {
    EncoderProduct.Some among = product.among(features);
    Tensor factors = norms == null ? null : norms.indexSelect(0, features);
    int tokens = Math.toIntExact(seen.size(0));
    Tensor indices = Tensor.empty(DType.I64, device, tokens, k);
    Tensor values = Tensor.empty(DType.F32, device, tokens, k);
    for (int start = 0; start < tokens; start += chunkRows) {
      int length = Math.min(chunkRows, tokens - start);
      try (TensorScope inner = TensorScope.open()) {
        Tensor activation = among.of(seen.narrow(0, start, length));
        Tensor score = factors == null ? activation : activation.mul(factors);
        ReductionOperators.Selection top = score.topk(k, 1, false);
        indices.narrow(0, start, length).copy_(top.indices());
        values
            .narrow(0, start, length)
            .copy_(factors == null ? top.values() : activation.gather(1, top.indices()));
      }
    }
    return new ReductionOperators.Selection(values, indices);
  }

  /** The feature whose decoder row has the largest product with each vector, or −1. */
  void bestFeatures(float[] vectors, int count, int[] features) {
    int width = spec.outputWidth();
    try (TensorScope scope = TensorScope.open()) {
      Tensor residuals = transfer.onDevice(vectors, count * width).reshape(count, width);
      Tensor none = Tensor.zeros(DType.F32, device, spec.features());
      MemorySegment indices = transfer.scratch().longs("best", 1L * count);
      MemorySegment products = transfer.scratch().floats("best products", 1L * count);
      for (int start = 0; start < count; start += chunkRows) {
        int length = Math.min(chunkRows, count - start);
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

  @FunctionalInterface
  private interface Chunk {
    /**
     * Takes the activations and scores, {@code [rows, features]}, of the rows from {@code start}.
     */
    void take(int start, Tensor activation, Tensor score);
  }

  private void forChunks(Tensor seen, Tensor norms, Chunk body) {
    int count = Math.toIntExact(seen.size(0));
    for (int start = 0; start < count; start += chunkRows) {
      int length = Math.min(chunkRows, count - start);
      try (TensorScope inner = TensorScope.open()) {
        Tensor activation = product.of(seen.narrow(0, start, length)).to(DType.F32);
        body.take(start, activation, norms == null ? activation : activation.mul(norms));
      }
    }
  }

  /** Codes of the batch on the host: places count row after row, as {@code row · features + j}. */
  private final class Candidates {
    private long[] places = new long[0];
    private float[] values = new float[0];
    private float[] scores = new float[0];
    private int size;

    void add(int startRow, Tensor activation, Tensor score, Tensor chosen) {
      int more = Math.toIntExact(chosen.elements());
      if (more == 0) {
        return;
      }
      int grown = Math.addExact(size, more);
      places = ScratchArrays.extended(places, grown);
      values = ScratchArrays.extended(values, grown);
      scores = ScratchArrays.extended(scores, grown);
      MemorySegment hostPlaces = transfer.scratch().longs("places", more);
      MemorySegment hostValues = transfer.scratch().floats("values", more);
      MemorySegment hostScores = transfer.scratch().floats("scores", more);
      chosen.copyTo(hostPlaces);
      activation.indexSelect(0, chosen).copyTo(hostValues);
      score.indexSelect(0, chosen).copyTo(hostScores);
      MemorySegment.copy(hostPlaces, ValueLayout.JAVA_LONG, 0, places, size, more);
      MemorySegment.copy(hostValues, ValueLayout.JAVA_FLOAT, 0, values, size, more);
      MemorySegment.copy(hostScores, ValueLayout.JAVA_FLOAT, 0, scores, size, more);
      for (int i = size; i < grown; i++) {
        places[i] += (long) startRow * spec.features();
      }
      size = grown;
    }

    /**
     * Keeps the largest scores, of equal ones those of the lower place, in order of their places.
     *
     * @return the least positive one that stays, 0 if none does
     */
    float keepLargest(int wanted) {
      // A batch has few codes compared with its activations, so the time of the sort is negligible.
      int[] order =
          IntStream.range(0, size)
              .boxed()
              .sorted(Comparator.comparingLong(i -> places[i]))
              .mapToInt(Integer::intValue)
              .toArray();
      float least = 0;
      int equal = 0;
      if (wanted < size) {
        least = Quickselect.largest(Arrays.copyOf(scores, size), size, wanted);
        equal = wanted;
        for (int i = 0; i < size; i++) {
          equal -= scores[i] > least ? 1 : 0;
        }
      }
      long[] keptPlaces = new long[size];
      float[] keptValues = new float[size];
      int kept = 0;
      float lowest = Float.POSITIVE_INFINITY;
      for (int i : order) {
        if (scores[i] > least || scores[i] == least && equal-- > 0) {
          keptPlaces[kept] = places[i];
          keptValues[kept++] = values[i];
          lowest = scores[i] > 0 ? Math.min(lowest, scores[i]) : lowest;
        }
      }
      places = keptPlaces;
      values = keptValues;
      size = kept;
      return lowest == Float.POSITIVE_INFINITY ? 0 : lowest;
    }

    void copyTo(Codes codes, int rows, boolean positive) {
      int features = spec.features();
      codes.begin(rows, size);
      int entry = 0;
      int kept = 0;
      for (int row = 0; row < rows; row++) {
        for (; entry < size && places[entry] / features == row; entry++) {
          // Not (value > 0), which would pass over NaN.
          if (!positive || !(values[entry] <= 0)) {
            codes.put(kept++, (int) (places[entry] % features), values[entry]);
          }
        }
        codes.endRow(kept);
      }
    }
  }
}

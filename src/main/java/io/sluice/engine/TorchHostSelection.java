package io.sluice.engine;

import io.sluice.simd.batch.Quickselect;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Selections whose codes are sorted out in host memory: thresholds, of which nobody knows how many
 * codes they leave, and on a CPU, where the device is the host, the largest of a batch.
 */
final class TorchHostSelection {
  private final EngineSpec spec;
  private final Device device;
  private final Tensor encoder;
  private final Tensor encoderBias;
  private final HostScratch scratch;
  private final int chunkRows;

  TorchHostSelection(
      EngineSpec spec,
      Device device,
      Tensor encoder,
      Tensor encoderBias,
      HostScratch scratch,
      int chunkRows) {
    this.spec = spec;
    this.device = device;
    this.encoder = encoder;
    this.encoderBias = encoderBias;
    this.scratch = scratch;
    this.chunkRows = chunkRows;
  }

  /** All whose rank is above their bound. */
  void keepAbove(Tensor seen, float[] bounds, Tensor norms, Codes codes) {
    int count = Math.toIntExact(seen.size(0));
    Tensor bound = Tensor.ofFloats(bounds, bounds.length);
    Tensor onDevice = device.isCuda() ? bound.to(device) : bound;
    Candidates found = new Candidates();
    forChunks(
        seen,
        norms,
        (start, activation, rank) -> {
          // Row by row, and in a row by feature: the order in which codes stand.
          Tensor places = rank.gt(onDevice).reshape(-1).nonzero().reshape(-1);
          found.add(start, activation.reshape(-1), rank.reshape(-1), places);
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
        (start, activation, rank) -> {
          Tensor flat = rank.reshape(-1);
          Tensor top = flat.topk(Math.min(wanted, flat.elements()), 0, false).indices();
          found.add(start, activation.reshape(-1), flat, top);
        });
    float least = found.keepLargest(wanted);
    found.copyTo(codes, count, true);
    codes.setLeastRank(least);
  }

  @FunctionalInterface
  private interface Chunk {
    /**
     * Takes the activations and ranks, {@code [rows, features]}, of the rows from {@code start}.
     */
    void take(int start, Tensor activation, Tensor rank);
  }

  private void forChunks(Tensor seen, Tensor norms, Chunk body) {
    int count = Math.toIntExact(seen.size(0));
    for (int start = 0; start < count; start += chunkRows) {
      int length = Math.min(chunkRows, count - start);
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
        places[i] += (long) startRow * spec.features();
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
      int features = spec.features();
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
}

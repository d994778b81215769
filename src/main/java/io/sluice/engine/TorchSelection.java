package io.sluice.engine;

import io.sluice.simd.Quickselect;
import io.sluice.torch.DType;
import io.sluice.torch.Device;
import io.sluice.torch.ReductionOperators;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorFloat32;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Multiplies tokens with an encoder and keeps what a selection keeps, some tokens at a time, so
 * that {@code tokens × features} numbers are never held.
 *
 * <p>Where the k largest features of each token are wanted, a {@linkplain Screening screening}
 * proposes more than k, their values are computed in float32, each as one dot product, and the
 * largest k of those stay. A proposal is complete if its least bound is below the k-th value: then
 * no feature that was left out can have a larger one. A token whose proposal is not complete gets
 * all its products in float32.
 */
final class TorchSelection implements AutoCloseable {
  /** How features are proposed. */
  enum Screening {
    /** Not at all: what LibTorch's product gives is selected from, and is the value. */
    NONE,
    /** By a product in float32. */
    FLOAT32,
    /** By upper bounds from a product in bfloat16 of rows that are kept in it. */
    BFLOAT16,
    /** By upper bounds from a product in TensorFloat-32. */
    TENSOR_FLOAT32,
    /** By one of the two: in TensorFloat-32 where LibTorch has it. */
    FASTEST
  }

  /** Features that a product in float32 proposes beyond k: its rounding may exchange neighbours. */
  private static final int SPARE = 8;

  /** The first and the largest proposal beyond those, in quarters of k. */
  private static final int LEAST = 6;

  private static final int MOST = 40;

  private static final int PATIENCE = 50;

  private final EngineSpec spec;
  private final Device device;
  private final Tensor encoder;
  private final Tensor encoderBias;
  private final HostScratch scratch;
  private final Numbers numbers;
  private final int chunkRows;
  private Screening screening;

  /** Once the first batch has come, if there is one. */
  private TorchScreen screen;

  /** The last layout, which is that of most steps, and what frees it. */
  private Layout layout;

  private TensorScope ofLayout = TensorScope.detached();

  /** How many features per k the screen proposes, in quarters; and for which k that was found. */
  private int quarters = LEAST;

  private int quartersFor;

  /** Batches in a row of which all proposals were complete. */
  private int closed;

  /** Batches to come for which screening is given up. */
  private int rest;

  /** A selection from {@code encoder}. */
  TorchSelection(
      EngineSpec spec,
      Device device,
      Tensor encoder,
      Tensor encoderBias,
      HostScratch scratch,
      Numbers numbers,
      Screening screening) {
    this.spec = spec;
    this.device = device;
    this.encoder = encoder;
    this.encoderBias = encoderBias;
    this.scratch = scratch;
    this.numbers = numbers;
    this.screening = screening;
    this.chunkRows = chunkRows(spec.features(), device);
  }

  /** How many tokens' pre-activations are held at once: what fits caches, or fills a GPU. */
  private static int chunkRows(int features, Device device) {
    long elements = 1L << 22;
    if (device.isCuda()) {
      long memory = Torch.cudaDevices().get(device.index()).memoryBytes();
      elements = Math.clamp(memory / 128, 1L << 26, 1L << 30);
    }
    return Math.clamp(elements / features, 16, 8192);
  }

  /** How many tokens are multiplied at once. */
  int chunkRows() {
    return chunkRows;
  }

  /** Notes that any weight may have changed. */
  void weightsChanged() {
    if (screen != null) {
      screen.invalidate();
    }
  }

  /**
   * Notes that the rows of some features have changed and no others.
   *
   * @param active int64
   * @param norms as for {@link #keepLargest}
   */
  void rowsChanged(Tensor active, Tensor norms, int chunk) {
    if (screen != null) {
      screen.refresh(active, encoder, encoderBias, norms, chunk);
    }
  }

  /**
   * The {@code k} largest of each token.
   *
   * @param seen float32 {@code [n, width]}
   * @param norms of the decoder rows, where they rank; else null
   * @param signed whether activations below 0 count by their magnitude
   * @param ordered whether a token's codes shall stand in the order of features, else in any
   * @param chunk rows of weights at a time
   * @param onHost where an activation that is no number is named
   */
  TorchCodes keepLargest(
      Tensor seen, int k, Tensor norms, boolean signed, boolean ordered, int chunk, Codes onHost) {
    boolean screened = !signed && screens(k);
    Proposals best = propose(seen, k, k, norms, signed, screened, chunk);
    Tensor indices = best.features;
    Tensor values = best.values;
    Tensor least = best.least;
    Tensor open = screened ? open(indices, values, norms, least) : null;
    Tensor kept = TorchCodes.kept(values, signed);
    long[] counts = counts(kept, values, open);
    if (screened) {
      proposeLess(counts[2] == 0);
    }
    if (counts[2] > 0) {
      mend(seen, k, norms, indices, values, open, Math.toIntExact(counts[2]));
      kept = TorchCodes.kept(values, signed);
      counts = counts(kept, values, null);
    }
    // Sums over a token's codes then do not depend on what proposed them.
    if (ordered || screening != Screening.NONE) {
      ReductionOperators.Selection sorted = indices.sort(1, false);
      indices = sorted.values();
      values = values.gather(1, sorted.indices());
      kept = kept.gather(1, sorted.indices());
    }
    TorchCodes codes =
        TorchCodes.ofChosen(indices, values, kept, Math.toIntExact(counts[0]), numbers);
    if (counts[1] > 0) {
      codes.copyTo(onHost, scratch);
    }
    return codes;
  }

  /**
   * For each token its best features of those that were proposed.
   *
   * @param features int64 {@code [n, best]}
   * @param values float32 {@code [n, best]}
   * @param least no feature that was not proposed has a larger rank; float32 {@code [n]}, or null
   */
  private record Proposals(Tensor features, Tensor values, Tensor least) {}

  /**
   * Proposes features and keeps the {@code best} of each token.
   *
   * @param k of the selection
   * @param best k, or 0 for all that are proposed
   */
  private Proposals propose(
      Tensor seen, int k, int best, Tensor norms, boolean signed, boolean screened, int chunk) {
    int count = Math.toIntExact(seen.size(0));
    int proposed = screened || best == 0 ? proposed(k) : Math.min(spec.features(), k + SPARE);
    int width = best == 0 ? proposed : best;
    Tensor indices = Tensor.empty(DType.I64, device, count, width);
    Tensor values = Tensor.empty(DType.F32, device, count, width);
    Tensor least = screened || best == 0 ? Tensor.empty(DType.F32, device, count) : null;
    TorchScreen.Tokens tokens = null;
    if (screened) {
      screen.refresh(encoder, encoderBias, norms, chunk);
      tokens = screen.tokens(seen);
    }
    for (int start = 0; start < count; start += chunkRows) {
      int length = Math.min(chunkRows, count - start);
      try (TensorScope scope = TensorScope.open()) {
        Tensor rows = seen.narrow(0, start, length);
        Tensor chosen = indices.narrow(0, start, length);
        Tensor activations = values.narrow(0, start, length);
        if (screened || best == 0) {
          Tensor bounds =
              screened ? screen.bounds(tokens.narrow(start, length)) : ranks(rows, norms);
          ReductionOperators.Selection found = TorchScreen.largest(bounds, proposed);
          least.narrow(0, start, length).copy_(found.values().amin(false, 1));
          keepBest(rows, null, found.indices(), width, norms, chosen, activations);
        } else {
          keepByProduct(rows, null, k, proposed, norms, signed, chosen, activations);
        }
      }
    }
    return new Proposals(indices, values, least);
  }

  /** The ranks of all features by a product in float32, {@code [n, features]}. */
  private Tensor ranks(Tensor rows, Tensor norms) {
    Tensor activation = rows.linear(encoder, encoderBias);
    return norms == null ? activation : activation.mul_(norms);
  }

  /** How many are kept, how many are no numbers, how many tokens are open: read at once. */
  private static long[] counts(Tensor kept, Tensor values, Tensor open) {
    List<Tensor> sums = new ArrayList<>(List.of(kept.sum(), values.ne(values).sum()));
    if (open != null) {
      sums.add(open.sum());
    }
    return Arrays.copyOf(ShapeOperators.stack(sums, 0).toLongs(), 3);
  }

  private boolean screens(int k) {
    if (screening == Screening.NONE
        || screening == Screening.FLOAT32
        || spec.features() < 16L * k) {
      return false;
    }
    if (screen == null) {
      screening = chosen();
      screen =
          screening == Screening.BFLOAT16
              ? new Bfloat16Screen(spec.features(), spec.inputWidth(), device, numbers)
              : new TensorFloat32Screen(spec.features(), spec.inputWidth(), device, numbers);
    }
    if (quartersFor != k) {
      quartersFor = k;
      quarters = LEAST;
      rest = 0;
    }
    return rest == 0 || --rest == 0;
  }

  /**
   * A product in bfloat16 takes half the time, but its bounds are five times as far off, and the
   * float32 products that this asks for take more than it saves.
   */
  private Screening chosen() {
    if (screening != Screening.FASTEST) {
      return screening;
    }
    return device.isCuda() && !TensorFloat32.isAvailable()
        ? Screening.BFLOAT16
        : Screening.TENSOR_FLOAT32;
  }

  private int proposed(int k) {
    return Math.min(spec.features(), k * quarters / 4 + SPARE);
  }

  /**
   * Where the proposed features of each token begin, and all end, and the token of each, int32:
   * {@code each} of {@code n} tokens.
   */
  private record Layout(long n, long each, Tensor offsets, Tensor tokens) {}

  private Layout layout(long n, long each) {
    if (layout == null || layout.n != n || layout.each != each) {
      ofLayout.close();
      ofLayout = TensorScope.detached();
      try (TensorScope scope = TensorScope.open()) {
        layout =
            new Layout(
                n,
                each,
                // LibTorch's products with a number are of floating type; float64 is exact here.
                numbers.upTo(n + 1).to(DType.F64).mul(each).to(DType.I32).moveTo(ofLayout),
                eachOf(numbers.wholeTo(n), each).moveTo(ofLayout));
      }
    }
    return layout;
  }

  /** Every number {@code each} times. */
  private static Tensor eachOf(Tensor numbers, long each) {
    long n = numbers.elements();
    return numbers.reshape(n, 1).expand(n, each).contiguous().reshape(n * each);
  }

  /**
   * The k best of some proposed features, by values of their own.
   *
   * @param places which rows of {@code rows} proposed, int64 and ascending; null for all. They are
   *     read where they lie: on a CPU, the last bit of a product depends on the place in memory
   */
  private void keepBest(
      Tensor rows,
      Tensor places,
      Tensor proposed,
      int k,
      Tensor norms,
      Tensor chosen,
      Tensor activations) {
    long n = proposed.size(0);
    long each = proposed.size(1);
    Tensor flat = proposed.reshape(n * each);
    Tensor offsets;
    Tensor tokens;
    if (places == null) {
      Layout whole = layout(n, each);
      offsets = whole.offsets;
      tokens = whole.tokens;
    } else {
      Tensor all = numbers.upTo(rows.size(0) + 1);
      offsets = places.searchSorted(all, false).to(DType.F64).mul(each).to(DType.I32);
      tokens = eachOf(places.to(DType.I32), each);
    }
    Tensor products = rows.bagProducts(encoder, flat.to(DType.I32), offsets, tokens);
    Tensor values = products.add(encoderBias.indexSelect(0, flat)).reshape(n, each);
    Tensor ranks = norms == null ? values : values.mul(norms.indexSelect(0, flat).reshape(n, each));
    Tensor best = ranks.topk(k, 1, false).indices();
    chosen.copy_(proposed.gather(1, best));
    activations.copy_(values.gather(1, best));
  }

  private void keepByProduct(
      Tensor seen,
      Tensor places,
      int k,
      int proposed,
      Tensor norms,
      boolean signed,
      Tensor chosen,
      Tensor activations) {
    Tensor rows = places == null ? seen : seen.indexSelect(0, places);
    Tensor activation = rows.linear(encoder, encoderBias);
    Tensor rank = norms == null ? activation : activation.mul(norms);
    if (screening != Screening.NONE && !signed) {
      keepBest(
          seen,
          places,
          TorchScreen.largest(rank, proposed).indices(),
          k,
          norms,
          chosen,
          activations);
      return;
    }
    ReductionOperators.Selection top = (signed ? rank.abs() : rank).topk(k, 1, false);
    chosen.copy_(top.indices());
    activations.copy_(
        norms == null && !signed ? top.values() : activation.gather(1, top.indices()));
  }

  /** Which tokens' proposals may lack one of the k largest. */
  private Tensor open(Tensor indices, Tensor values, Tensor norms, Tensor least) {
    Tensor ranks = norms == null ? values : values.mul(ranksOf(indices, norms));
    Tensor zero = Tensor.zeros(DType.F32, device, 1);
    // What is left out and not positive is no code. A bound that is NaN proves nothing.
    return least.lt(ranks.amin(false, 1).maximum(zero)).not();
  }

  /** Now and then a smaller proposal is tried, after many that were all complete. */
  private void proposeLess(boolean allComplete) {
    closed = allComplete ? closed + 1 : 0;
    if (closed == PATIENCE && quarters > LEAST) {
      quarters -= Math.max(1, quarters / 8);
      closed = 0;
    }
  }

  private void proposeMore(int failed, int count) {
    if (failed > count / 32 && quarters < MOST) {
      int more = failed > count / 8 ? quarters : Math.max(1, quarters / 4);
      quarters = Math.min(MOST, quarters + more);
      closed = 0;
    } else if (failed > count / 4) {
      rest = 256;
    }
  }

  /** Computes {@code failed} tokens anew, and proposes more to the next if they are many. */
  private void mend(
      Tensor seen, int k, Tensor norms, Tensor indices, Tensor values, Tensor open, int failed) {
    int count = Math.toIntExact(seen.size(0));
    Tensor failures = open.nonzero().reshape(-1);
    proposeMore(failed, count);
    for (int start = 0; start < failed; start += chunkRows) {
      int length = Math.min(chunkRows, failed - start);
      try (TensorScope scope = TensorScope.open()) {
        Tensor places = failures.narrow(0, start, length);
        Tensor chosen = Tensor.empty(DType.I64, device, length, k);
        Tensor activations = Tensor.empty(DType.F32, device, length, k);
        int proposed = Math.min(spec.features(), k + SPARE);
        keepByProduct(seen, places, k, proposed, norms, false, chosen, activations);
        indices.indexCopy_(0, places, chosen);
        values.indexCopy_(0, places, activations);
      }
    }
  }

  private static Tensor ranksOf(Tensor indices, Tensor norms) {
    return norms.indexSelect(0, indices.reshape(-1)).reshape(indices.shape());
  }

  @Override
  public void close() {
    ofLayout.close();
    if (screen != null) {
      screen.close();
    }
  }

  /** All whose rank is above their bound, to host memory. */
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

  /**
   * Codes of a batch of which so many are kept.
   *
   * @param least the lowest rank among them; 0 if there are none
   */
  record Largest(TorchCodes codes, float least) {}

  /**
   * The {@code k} times as many as tokens that are the largest of all; of equal ranks at the edge,
   * those of the first tokens and features. Null where that is found on the host.
   *
   * @param results the scope in which the codes are made
   */
  Largest keepLargestOfAll(
      Tensor seen, int k, Tensor norms, int chunk, Codes codes, TensorScope results) {
    if (screening == Screening.NONE) {
      keepLargestOnHost(seen, k, norms, codes);
      return null;
    }
    int count = Math.toIntExact(seen.size(0));
    boolean screened = screens(k);
    Proposals proposals = propose(seen, k, 0, norms, false, screened, chunk);
    Tensor ranks =
        norms == null ? proposals.values : proposals.values.mul(ranksOf(proposals.features, norms));
    long each = ranks.size(1);
    long wanted = (long) count * k;
    Tensor edge =
        ranks.reshape(-1).topk(wanted, 0, false).values().amin(false, 0).reshape(1).relu();
    Entries entries =
        new Entries(
            eachOf(numbers.wholeTo(count), each),
            proposals.features.reshape(-1),
            proposals.values.reshape(-1),
            ranks.reshape(-1));
    if (each < spec.features()) {
      Tensor open = proposals.least.lt(edge).not();
      int failed = (int) open.sum().item();
      if (screened) {
        proposeLess(failed == 0);
        proposeMore(failed, count);
      }
      if (failed > 0) {
        entries = mended(seen, norms, entries, open, edge, failed, results);
      }
    }
    return largest(entries, count, wanted, codes);
  }

  /** Entries of a batch: int32, int64, float32, float32, all flat. */
  private record Entries(Tensor tokens, Tensor features, Tensor values, Tensor ranks) {
    Entries at(Tensor places) {
      return new Entries(
          tokens.indexSelect(0, places),
          features.indexSelect(0, places),
          values.indexSelect(0, places),
          ranks.indexSelect(0, places));
    }
  }

  /** With the entries of tokens that are open replaced by all that may be at the edge or above. */
  private Entries mended(
      Tensor seen,
      Tensor norms,
      Entries entries,
      Tensor open,
      Tensor edge,
      int failed,
      TensorScope results) {
    Tensor closedPlaces =
        open.not().to(DType.I32).indexSelect(0, entries.tokens).nonzero().reshape(-1);
    List<Entries> all = new ArrayList<>(List.of(entries.at(closedPlaces)));
    Tensor failures = open.nonzero().reshape(-1);
    Tensor rows = numbers.upTo(seen.size(0) + 1);
    // The product's own rounding may put a rank a little lower than its value does.
    Tensor bound = edge.mul(1 - 1e-3);
    for (int start = 0; start < failed; start += chunkRows) {
      int length = Math.min(chunkRows, failed - start);
      Tensor places = failures.narrow(0, start, length);
      Tensor found;
      try (TensorScope scope = TensorScope.open()) {
        // Not (rank < bound), which would pass over NaN.
        Tensor product = ranks(seen.indexSelect(0, places), norms);
        found = product.lt(bound).not().nonzero().moveTo(results);
      }
      if (found.size(0) == 0) {
        continue;
      }
      Tensor tokens = places.indexSelect(0, found.select(1, 0).contiguous());
      Tensor features = found.select(1, 1).contiguous();
      Tensor values =
          seen.bagProducts(
                  encoder,
                  features.to(DType.I32),
                  tokens.searchSorted(rows, false).to(DType.I32),
                  tokens.to(DType.I32))
              .add(encoderBias.indexSelect(0, features));
      Tensor ranks = norms == null ? values : values.mul(norms.indexSelect(0, features));
      all.add(new Entries(tokens.to(DType.I32), features, values, ranks));
    }
    return new Entries(
        ShapeOperators.cat(all.stream().map(Entries::tokens).toList(), 0),
        ShapeOperators.cat(all.stream().map(Entries::features).toList(), 0),
        ShapeOperators.cat(all.stream().map(Entries::values).toList(), 0),
        ShapeOperators.cat(all.stream().map(Entries::ranks).toList(), 0));
  }

  private Largest largest(Entries entries, int count, long wanted, Codes onHost) {
    // Float64 holds these whole numbers exactly.
    Tensor places =
        entries
            .tokens
            .to(DType.F64)
            .mul(spec.features())
            .add(entries.features.to(DType.F64))
            .to(DType.I64);
    Entries inOrder = entries.at(places.sort(0, false).indices());
    Tensor best = inOrder.ranks.sort(0, true).indices();
    long some = Math.min(wanted, best.elements());
    Entries kept = inOrder.at(best.narrow(0, 0, some).sort(0, false).values());
    Tensor zero = Tensor.zeros(DType.F32, device, 1);
    kept = kept.at(kept.ranks.le(zero).not().nonzero().reshape(-1));
    int size = Math.toIntExact(kept.tokens.elements());
    TorchCodes codes =
        new TorchCodes(
            count,
            size,
            kept.features.to(DType.I32),
            kept.values,
            kept.tokens.searchSorted(numbers.wholeTo(count + 1L), false).to(DType.I32),
            kept.tokens,
            kept.tokens);
    float least = size == 0 ? 0 : (float) kept.ranks.amin(false, 0).item();
    if (Float.isNaN(least)) {
      codes.copyTo(onHost, scratch);
    }
    return new Largest(codes, least);
  }

  private void keepLargestOnHost(Tensor seen, int k, Tensor norms, Codes codes) {
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

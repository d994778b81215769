package io.sluice.simd.single;

import io.sluice.memory.DType;
import io.sluice.memory.MappedPages;
import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.batch.TopKEncoder;
import io.sluice.simd.batch.TopKHeaps;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Encodes one vector, or a few, and selects the exact top k of each while the weights stream by
 * once. {@code TopKEncoder} multiplies many tokens at once; here reading memory takes more time
 * than arithmetic, so weights may be stored in fewer bytes, and several streams of them are read at
 * a time.
 *
 * <p>With {@link RowFormat#I8} the bytes only find candidates. Every pre-activation has an error
 * bound, {@code |W_E[j]·x − approximation| ≤ ‖x‖·(‖W_E[j] − stored[j]‖ + rounding)} by Cauchy and
 * Schwarz, and a feature is left out only if even its upper bound factors below {@code k} others'
 * lower bounds. The others are computed again from the float32 weights by the kernel of {@link
 * RowFormat#F32}, so features and values are the same to the last bit.
 *
 * <p>Immutable except for a {@link Scratch}; with a scratch for each caller it may be used by any
 * number of threads.
 */
public final class RowEncoder {
  /** The most vectors of one call: more are better served by {@link TopKEncoder}. */
  public static final int MOST_VECTORS = 8;

  /** Rows of each stream between two looks at the results: their sums stay in the first cache. */
  private static final int BLOCK = 16;

  private static final int STREAMS = RowKernels.STREAMS;
  private static final int RESULTS = BLOCK * STREAMS + RowKernels.SLACK;

  /** Half a unit in the last place of 1: the relative error of one float32 operation. */
  private static final double UNIT = 0x1p-24;

  /** Sums stay finite while the product of the lengths of row and vector is below this. */
  private static final double LARGEST = 0x1p126;

  /** Rows that are measured before the pages of a mapped file are given back. */
  private static final int RELEASED_AFTER = 4096;

  private final int features;
  private final int width;
  private final PackedRows scanned;
  private final RowKernels kernels;

  /** The float32 rows that candidates are computed from again; null if all are computed once. */
  private final PackedRows exact;

  private final RowKernels exactKernels;

  // By place, which is what kernels count: STREAMS · row of the stream + stream.
  private final float[] biases;
  private final float[] factors;
  private final float[] floors;

  /** Null if all is exact. */
  private final ErrorBounds bounds;

  private final double longestVector;

  /**
   * Packs the weights of an encoder, which are only read here.
   *
   * @param floors the threshold of each score, one per feature; 0 if it only has to be positive
   * @param format how weights are kept; {@link RowFormat#I8} keeps them as float32, too
   * @throws IllegalArgumentException if a size disagrees or a value is not finite
   */
  public RowEncoder(EncoderWeights weights, float[] floors, RowFormat format) {
    features = weights.features();
    width = weights.width();
    if (features < 1 || width < 1 || floors.length != features) {
      throw new IllegalArgumentException(
          "%d features of width %d and %d floors".formatted(features, width, floors.length));
    }
    MemorySegment rows = weights.rows();
    float[] bias = weights.bias();
    float[] factors = weights.factors();
    boolean twice = format == RowFormat.I8;
    exact = twice ? PackedRows.of(rows, features, width, RowFormat.F32) : null;
    exactKernels = twice ? RowKernels.ofThisMachine(RowFormat.F32) : null;
    scanned = PackedRows.of(rows, features, width, format);
    kernels = RowKernels.ofThisMachine(format);
    int places = scanned.streamRows * STREAMS;
    int room = places + RowKernels.SLACK;
    biases = new float[room];
    this.factors = new float[room];
    this.floors = new float[places];
    bounds = twice ? new ErrorBounds(scanned, biases, this.factors) : null;
    double longest = 1;
    for (int place = 0; place < places; place++) {
      int feature = feature(place);
      if (feature >= features) {
        biases[place] = Float.NEGATIVE_INFINITY;
        this.factors[place] = 1;
        continue;
      }
      biases[place] = bias[feature];
      this.factors[place] = factors[feature];
      this.floors[place] = floors[feature];
      double length = length(rows, feature);
      if (!(length < LARGEST && Float.isFinite(bias[feature]) && factors[feature] > 0)) {
        throw new IllegalArgumentException(
            "feature %d has a row of length %s, bias %s and factor %s"
                .formatted(feature, length, bias[feature], factors[feature]));
      }
      longest = Math.max(longest, length);
      if (twice) {
        bounds.set(place, feature, length);
      }
      if (place % RELEASED_AFTER == 0 || place == places - 1) {
        MappedPages.release(rows);
      }
    }
    longestVector = LARGEST / longest / (twice ? 128 * Math.sqrt(width) : 1);
  }

  private double length(MemorySegment rows, int feature) {
    double squares = 0;
    for (int i = 0; i < width; i++) {
      double value = DType.F32.readFloat32(rows, ((long) feature * width + i) * Float.BYTES);
      squares += value * value;
    }
    return Math.sqrt(squares);
  }

  /** Rows of the matrix. */
  public int features() {
    return features;
  }

  /** Values of a vector. */
  public int width() {
    return width;
  }

  /**
   * Copies the row of a feature, as it is kept.
   *
   * @param row receives it; {@link #width()} values
   * @throws IllegalArgumentException if {@code row} has another length
   */
  public void copyRow(int feature, float[] row) {
    Objects.checkIndex(feature, features);
    if (row.length != width) {
      throw new IllegalArgumentException(
          "a row of " + width + " values does not fit into " + row.length);
    }
    PackedRows kept = exact == null ? scanned : exact;
    DType type = kept.format == RowFormat.F32 ? DType.F32 : DType.BF16;
    for (int i = 0; i < width; i++) {
      row[i] = type.readFloat32(kept.memory, feature * kept.stride + (long) i * type.bytes());
    }
  }

  /** Bytes of memory that hold weights. */
  public long bytes() {
    return scanned.bytes() + (exact == null ? 0 : exact.bytes());
  }

  /** The kernels in use, for instance {@code vector-512}. */
  public String kernels() {
    return kernels.name();
  }

  /**
   * Memory for calls, one at a time.
   *
   * @param k the most features that a vector gets
   * @param parts how many threads share a call
   */
  public Scratch scratch(int k, int parts) {
    return new Scratch(k, parts);
  }

  /** What a call works with; after the first call with as many vectors nothing is allocated. */
  public final class Scratch {
    private final int k;
    private final Part[] parts;
    private final float[] x = new float[MOST_VECTORS * paddedWidth()];
    private final float[] lengths = new float[MOST_VECTORS];
    private final int[] places = new int[STREAMS];
    private final int[] targets = new int[STREAMS];
    private final long[] rows = new long[STREAMS];

    private Scratch(int k, int parts) {
      if (k < 1 || k > features || parts < 1) {
        throw new IllegalArgumentException(
            "k is " + k + " of " + features + " features, in " + parts + " parts");
      }
      this.k = k;
      this.parts = new Part[parts];
      int candidates = exact == null ? 0 : Candidates.room(k, scanned.streamRows * STREAMS);
      for (int i = 0; i < parts; i++) {
        this.parts[i] =
            new Part(
                k,
                candidates,
                new RowKernels.Tile(scanned.streamRows * scanned.stride, scanned.stride));
      }
    }

    /** Where to write a call's vectors, each {@link #paddedWidth()} values after the last. */
    public float[] vectors() {
      return x;
    }

    /** Values from one vector to the next; what is past {@link #width()} stays zero. */
    public int paddedWidth() {
      return scanned.paddedWidth;
    }
  }

  /** What one thread works with. */
  private static final class Part {
    final float[] sums = new float[RowKernels.SUMS];

    /** Where the vectors of a call start. */
    final int[] starts = new int[RowKernels.VECTORS];

    final float[] results = new float[MOST_VECTORS * RESULTS];

    /** The best of each vector: of scores, or of their lower bounds. */
    final TopKHeaps best = new TopKHeaps();

    final Candidates[] candidates = new Candidates[MOST_VECTORS];
    final int candidateRoom;
    final int k;

    /** The rows that are read. */
    final RowKernels.Tile tile;

    Part(int k, int candidateRoom, RowKernels.Tile tile) {
      this.k = k;
      this.candidateRoom = candidateRoom;
      this.tile = tile;
      begin(1);
    }

    void begin(int count) {
      best.reset(count, k);
      for (int v = 0; v < count; v++) {
        if (candidates[v] == null) {
          candidates[v] = new Candidates(candidateRoom);
        }
        candidates[v].clear();
      }
    }
  }

  /**
   * Encodes the first {@code count} of {@link Scratch#vectors()}: of each the {@code k} features of
   * highest score whose value is positive and score above its floor, fewer where fewer are. Of
   * equal scores the lower feature stays.
   *
   * @param workers share the rows out, as many as the scratch has parts; null for the calling
   *     thread alone, which allocates nothing
   * @param features receives vector {@code v}'s features, ascending, from {@code at + v·k} on
   * @param values receives their values
   * @param counts receives how many vector {@code v} has at {@code countsAt + v}
   * @throws NonFiniteException if a vector has a value that is NaN or infinite
   * @throws IllegalArgumentException if a vector is so long that sums could overflow
   */
  public void encode(
      Scratch scratch,
      int count,
      Workers workers,
      int[] features,
      float[] values,
      int at,
      int[] counts,
      int countsAt) {
    for (int v = 0; v < count; v++) {
      scratch.lengths[v] = checkedLength(scratch, v);
    }
    int used = workers == null ? 1 : scratch.parts.length;
    if (used == 1) {
      scan(scratch, 0, count, 0, scanned.streamRows);
    } else {
      scanShared(scratch, count, workers);
    }
    for (int v = 0; v < count; v++) {
      TopKHeaps best = scratch.parts[0].best;
      for (int part = 1; part < used; part++) {
        best.offerAll(v, scratch.parts[part].best);
      }
      if (exact != null) {
        float least = limit(best, v);
        best.clear(v);
        for (int part = 0; part < used; part++) {
          computeCandidates(scratch, v, scratch.parts[part].candidates[v], least, best);
        }
      }
      int to = at + v * scratch.k;
      int found = best.drain(v, features, values, to);
      computeValues(scratch, v, features, values, to, found);
      counts[countsAt + v] = found;
    }
  }

  /** The least score that is kept; any positive score while there is room. */
  private static float limit(TopKHeaps best, int vector) {
    return Math.max(Float.MIN_VALUE, best.least(vector));
  }

  private void scanShared(Scratch scratch, int count, Workers workers) {
    int parts = scratch.parts.length;
    int blocks = Math.ceilDiv(scanned.streamRows, BLOCK);
    workers.run(
        parts,
        part ->
            scan(
                scratch,
                part,
                count,
                (int) ((long) blocks * part / parts) * BLOCK,
                Math.min(scanned.streamRows, (int) ((long) blocks * (part + 1) / parts) * BLOCK)));
  }

  private float checkedLength(Scratch scratch, int vector) {
    int from = vector * scratch.paddedWidth();
    double squares = 0;
    for (int i = from; i < from + width; i++) {
      squares += (double) scratch.x[i] * scratch.x[i];
    }
    double length = Math.sqrt(squares);
    if (!(length <= longestVector)) {
      for (int i = from; i < from + width; i++) {
        if (!Float.isFinite(scratch.x[i])) {
          throw new NonFiniteException(vector, i - from, scratch.x[i]);
        }
      }
      throw new IllegalArgumentException(
          "vector %d has length %s; from %s on, sums could overflow float32"
              .formatted(vector, length, longestVector));
    }
    return Math.nextUp((float) (length * (1 + UNIT)));
  }

  /** Multiplies rows {@code [first, end)} of every stream, a block of them after the other. */
  private void scan(Scratch scratch, int partNumber, int count, int first, int end) {
    Part part = scratch.parts[partNumber];
    part.begin(count);
    int padded = scanned.paddedWidth;
    for (int row = first; row < end; row += BLOCK) {
      int rows = Math.min(BLOCK, end - row);
      RowKernels.Tile tile = part.tile.at(row * scanned.stride, rows);
      if (count == 1) {
        kernels.one(scanned.memory, tile, padded, scratch.x, 0, part.sums, part.results);
      } else {
        for (int v = 0; v < count; v += RowKernels.VECTORS) {
          for (int i = 0; i < RowKernels.VECTORS; i++) {
            part.starts[i] = Math.min(v + i, count - 1) * padded;
          }
          kernels.four(
              scanned.memory,
              tile,
              padded,
              scratch.x,
              part.starts,
              part.sums,
              part.results,
              v * RESULTS,
              RESULTS);
        }
      }
      for (int v = 0; v < count; v++) {
        if (exact == null) {
          offer(part, v, row * STREAMS, rows * STREAMS);
        } else {
          screen(part, v, scratch.lengths[v], row * STREAMS, rows * STREAMS);
        }
      }
    }
  }

  private void offer(Part part, int vector, int place, int count) {
    float[] results = part.results;
    int at = vector * RESULTS;
    float limit = limit(part.best, vector);
    for (int i = 0; i < count; i++) {
      float score = (results[at + i] + biases[place + i]) * factors[place + i];
      if (score >= limit && score > floors[place + i]) {
        part.best.offer(vector, feature(place + i), score);
        limit = limit(part.best, vector);
      }
    }
  }

  /** Keeps the k best lower bounds of scores, and whose upper bound reaches the least of them. */
  private void screen(Part part, int vector, float length, int place, int count) {
    TopKHeaps best = part.best;
    Candidates candidates = part.candidates[vector];
    float limit = limit(best, vector);
    for (int i = 0; i < count; i += Long.SIZE) {
      int at = vector * RESULTS + i;
      int first = place + i;
      int here = Math.min(Long.SIZE, count - i);
      long reaching = kernels.reaching(part.results, at, bounds.arrays, first, here, length, limit);
      for (; reaching != 0; reaching &= reaching - 1) {
        int bit = Long.numberOfTrailingZeros(reaching);
        int candidate = first + bit;
        float value = bounds.value(candidate, part.results[at + bit]);
        float error = bounds.error(candidate, length);
        float most = (value + error) * factors[candidate];
        if (most > floors[candidate]) {
          candidates.add(candidate, most, limit);
        }
        float least = (value - error) * factors[candidate];
        if (least >= limit && least > floors[candidate]) {
          best.offer(vector, feature(candidate), least);
          limit = limit(best, vector);
        }
      }
    }
  }

  /** Computes candidates anew, eight at a time. */
  private void computeCandidates(
      Scratch scratch, int vector, Candidates candidates, float least, TopKHeaps best) {
    int waiting = 0;
    for (int i = 0; i < candidates.size(); i++) {
      if (candidates.upper(i) >= Math.max(least, limit(best, vector))) {
        scratch.places[waiting++] = candidates.place(i);
        if (waiting == STREAMS) {
          offerComputed(scratch, vector, waiting, best);
          waiting = 0;
        }
      }
    }
    if (waiting > 0) {
      offerComputed(scratch, vector, waiting, best);
    }
  }

  private void offerComputed(Scratch scratch, int vector, int count, TopKHeaps best) {
    float[] results = compute(scratch, vector, count);
    for (int i = 0; i < count; i++) {
      int place = scratch.places[i];
      float score = (results[i] + biases[place]) * factors[place];
      if (score >= limit(best, vector) && score > floors[place]) {
        best.offer(vector, feature(place), score);
      }
    }
  }

  /** Puts values in the place of scores, where they differ: the heaps keep scores alone. */
  private void computeValues(
      Scratch scratch, int vector, int[] features, float[] values, int from, int count) {
    int waiting = 0;
    for (int i = from; i < from + count; i++) {
      int place = place(features[i]);
      if (factors[place] != 1) {
        scratch.places[waiting] = place;
        scratch.targets[waiting++] = i;
      }
      if (waiting == STREAMS || waiting > 0 && i == from + count - 1) {
        float[] results = compute(scratch, vector, waiting);
        for (int j = 0; j < waiting; j++) {
          values[scratch.targets[j]] = results[j] + biases[scratch.places[j]];
        }
        waiting = 0;
      }
    }
  }

  /** The float32 products of the rows at the first {@code count} of a scratch's places. */
  private float[] compute(Scratch scratch, int vector, int count) {
    PackedRows rows = exact == null ? scanned : exact;
    RowKernels with = exact == null ? kernels : exactKernels;
    for (int i = 0; i < STREAMS; i++) {
      scratch.rows[i] = feature(scratch.places[Math.min(i, count - 1)]) * rows.stride;
    }
    float[] results = scratch.parts[0].results;
    with.scattered(
        rows.memory,
        scratch.rows,
        rows.paddedWidth,
        scratch.x,
        vector * rows.paddedWidth,
        scratch.parts[0].sums,
        results);
    return results;
  }

  private int feature(int place) {
    return place % STREAMS * scanned.streamRows + place / STREAMS;
  }

  private int place(int feature) {
    return feature % scanned.streamRows * STREAMS + feature / scanned.streamRows;
  }
}

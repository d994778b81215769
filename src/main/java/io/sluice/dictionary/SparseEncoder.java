package io.sluice.dictionary;

import io.sluice.engine.TokenNorm;
import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.simd.single.RowEncoder;
import io.sluice.simd.single.RowFormat;
import io.sluice.simd.single.WarmUp;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * A dictionary's encoder for services: it encodes one activation vector, or a few, in about the
 * time that reading the weights from memory takes. It needs neither LibTorch nor Arrow.
 *
 * <pre>{@code
 * SparseEncoder encoder = SparseEncoder.load(Path.of("runs/asi"));
 * int[] features = new int[encoder.k()];
 * float[] values = new float[encoder.k()];
 * int count = encoder.encode(activation, features, values);
 * }</pre>
 *
 * <p>{@link #warmUp} before the first request makes that as fast as the later ones.
 *
 * <p>Immutable; any number of threads may use it at once. Calls write to the caller's arrays and
 * allocate nothing, except when the number of simultaneous callers or of vectors per call reaches a
 * new maximum. Weights are outside the Java heap, in pages of 2 MiB if the system has them, and are
 * freed when the encoder is garbage.
 */
public final class SparseEncoder {

  /** The storage of the encoder's weights. */
  public enum Weights {
    /** Float32 as in the file: 4 bytes per weight. */
    FLOAT32(RowFormat.F32),

    /** Rounded to bfloat16: 2 bytes per weight; values are those of the rounded weights. */
    BFLOAT16(RowFormat.BF16),

    /**
     * 1 byte per weight to find candidates, and the float32 weights to compute these: 5 bytes per
     * weight, of which a little over 1 is read. Features and values are those of {@link #FLOAT32},
     * bit for bit.
     */
    INT8(RowFormat.I8);

    private final RowFormat format;

    Weights(RowFormat format) {
      this.format = format;
    }
  }

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final DictionaryConfig config;
  private final Weights weights;
  private final int k;
  private final Search search;

  /** The vector subtracted from every input, or null. */
  private final float[] shift;

  /** The normalisation of every input before that, or null. */
  private final TokenNorm norm;

  private final Workers workers;
  private final AtomicReferenceArray<Call> idle;

  private SparseEncoder(
      DictionaryConfig config,
      Weights weights,
      int k,
      Search search,
      float[] shift,
      Workers workers) {
    this.config = config;
    this.weights = weights;
    this.k = k;
    this.search = search;
    this.shift = shift;
    this.norm = config.tokenNorm().orElse(null);
    this.workers = workers;
    idle = new AtomicReferenceArray<>(2 * Runtime.getRuntime().availableProcessors());
  }

  /** The scratch memory of one call. */
  private final class Call {
    final Search.Work work = search.work(k, workers == null ? 1 : workers.threads());
    final float[] vectors = work.scratch.vectors();
    final int padded = work.scratch.paddedWidth();
    final int[] count = new int[1];
  }

  /**
   * Loads the encoder of the dictionary in a folder, with float32 weights.
   *
   * @throws IOException if a file is missing or damaged, or has an activation that this encoder
   *     does not compute; the message names it
   */
  public static SparseEncoder load(Path folder) throws IOException {
    return load(folder, Weights.FLOAT32);
  }

  /** Like {@link #load(Path)}, with another storage of weights. */
  public static SparseEncoder load(Path folder, Weights weights) throws IOException {
    Dictionary dictionary = Dictionary.load(folder);
    try {
      return of(dictionary, weights);
    } catch (IllegalArgumentException e) {
      throw new IOException(folder.resolve(DictionaryFiles.CONFIG) + ": " + e.getMessage(), e);
    }
  }

  /**
   * The encoder of a dictionary, whose weights are copied.
   *
   * @throws IllegalArgumentException if a weight is not finite, or the activation function selects
   *     features over whole batches
   */
  public static SparseEncoder of(Dictionary dictionary, Weights weights) {
    Objects.requireNonNull(weights, "weights");
    DictionaryConfig config = dictionary.config();
    Search search = Search.of(dictionary, weights.format);
    float[] shift =
        config.subtractDecoderBias() ? dictionary.parameters().decoderBias().toArray(FLOAT) : null;
    return new SparseEncoder(config, weights, search.most(), search, shift, null);
  }

  /**
   * This encoder with shared weights, with every call distributed over {@code workers}, which the
   * caller keeps. Results are the same. Distributing a call allocates a few hundred bytes.
   */
  public SparseEncoder with(Workers workers) {
    return new SparseEncoder(
        config, weights, k, search, shift, Objects.requireNonNull(workers, "workers"));
  }

  /**
   * This encoder with shared weights, keeping only the {@code most} features with the highest
   * scores: for activation functions that compare with a threshold and have no {@code k}.
   *
   * @throws IllegalArgumentException if {@code most} is not from 1 to {@link #k}
   */
  public SparseEncoder atMost(int most) {
    if (most < 1 || most > k) {
      throw new IllegalArgumentException("most must be from 1 to " + k + ", not " + most);
    }
    return new SparseEncoder(config, weights, most, search, shift, workers);
  }

  /**
   * Has the JVM compile all that encoding runs, before the first request. From the first call on,
   * calls then take their full speed and allocate nothing, in as many threads at once as the JVM
   * has processors. It encodes made-up vectors, one and several at a time, until that allocates
   * nothing: a second for a small dictionary, several for 24576 features of width 768, a minute at
   * most, unless 32 passes over the weights take longer. With {@link #with workers} it takes four
   * seconds at least, and a call still allocates what distributing it does.
   *
   * <p>One encoder of each format and activation function is enough: what is compiled is shared.
   * The memory is each encoder's own, so also call it after {@link #atMost}.
   */
  public void warmUp() {
    float[] vectors = madeUp();
    Call[] calls = new Call[Math.min(Runtime.getRuntime().availableProcessors(), idle.length())];
    for (int i = 0; i < calls.length; i++) {
      calls[i] = take();
    }
    int most = RowEncoder.MOST_VECTORS;
    int[] features = new int[Math.multiplyExact(most, k)];
    float[] values = new float[features.length];
    int[] counts = new int[most];
    for (Call call : calls) {
      for (int v = 0; v < most; v++) {
        System.arraycopy(vectors, v * width(), call.vectors, v * call.padded, width());
      }
      several(call, 0, most, features, values, counts);
    }
    for (Call call : calls) {
      give(call);
    }
    WarmUp.run(new Round(vectors), workers != null);
  }

  /** Calls of every kind, with other vectors each time. */
  private final class Round implements Runnable {
    final int sets;
    final float[][] one = new float[RowEncoder.MOST_VECTORS][];
    final float[][] several;
    final MemorySegment[] memory;
    final MemorySegment[] oneInMemory;
    final int[][] counts = new int[RowEncoder.MOST_VECTORS][];
    final int[] features = new int[RowEncoder.MOST_VECTORS * k];
    final float[] values = new float[features.length];
    int next;

    Round(float[] vectors) {
      int width = width();
      int most = RowEncoder.MOST_VECTORS;
      sets = vectors.length / (most * width);
      several = new float[sets * most][];
      memory = new MemorySegment[several.length];
      oneInMemory = new MemorySegment[sets];
      for (int set = 0; set < sets; set++) {
        int from = set * most * width;
        for (int count = 1; count <= most; count++) {
          int at = set * most + count - 1;
          several[at] = Arrays.copyOfRange(vectors, from, from + count * width);
          memory[at] =
              set % 2 == 0
                  ? MemorySegment.ofArray(several[at])
                  : Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, several[at]);
        }
        one[set] = several[set * most];
        oneInMemory[set] = memory[set * most];
      }
      for (int count = 1; count <= most; count++) {
        counts[count - 1] = new int[count];
      }
    }

    @Override
    public void run() {
      for (int count = 1; count <= counts.length; count++) {
        int at = next * counts.length + count - 1;
        encode(one[next], features, values);
        encode(oneInMemory[next], features, values);
        encode(several[at], features, values, counts[count - 1]);
        encode(memory[at], features, values, counts[count - 1]);
        next = (next + 1) % sets;
      }
      // As many vectors as before meet another set in the next round.
      next = (next + 1) % sets;
    }
  }

  /**
   * Eight times as many vectors as a call takes. Each is a row of the encoder, so that its feature
   * fires, among noise, so that others do: short and long, with few features and with many.
   */
  private float[] madeUp() {
    int width = width();
    int count = RowEncoder.MOST_VECTORS * RowEncoder.MOST_VECTORS;
    float[] vectors = new float[Math.multiplyExact(count, width)];
    float[] row = new float[width];
    Random random = new Random(1);
    RowEncoder rows = search.rows();
    for (int v = 0; v < count; v++) {
      rows.copyRow(random.nextInt(rows.features()), row);
      double squares = 0;
      for (float value : row) {
        squares += (double) value * value;
      }
      double size = Math.pow(4, v % 7 - 1);
      double alongRow = squares > 0 ? size / Math.sqrt(squares) : 0;
      double noise = size * (v % 3 + 1) / 4 / Math.sqrt(width);
      for (int i = 0; i < width; i++) {
        double value = alongRow * row[i] + noise * random.nextGaussian();
        vectors[v * width + i] = (float) (value + (shift == null ? 0 : shift[i]));
      }
    }
    return vectors;
  }

  /** The configuration of the dictionary. */
  public DictionaryConfig config() {
    return config;
  }

  /** The storage of the weights. */
  public Weights weights() {
    return weights;
  }

  /** The width of one vector. */
  public int width() {
    return config.inputWidth();
  }

  /** The number of features. */
  public int features() {
    return config.features();
  }

  /**
   * The largest number of features that one vector can have, which result arrays must hold. It is
   * the number of all features if the activation function compares with a threshold; {@link
   * #atMost} sets a bound.
   */
  public int k() {
    return k;
  }

  /** Bytes of weights in memory. */
  public long bytes() {
    return search.rows().bytes();
  }

  /**
   * Encodes one vector.
   *
   * @param vector {@code [width]}
   * @param features receives the active features, ascending; at least {@code k} long
   * @param values receives their values, all positive except for AbsTopK; at least {@code k} long
   * @return the number of active features, at most {@code k}
   * @throws IllegalArgumentException if an array is too short, or {@code vector} is not {@code
   *     width} long or so long a vector that float32 could overflow
   * @throws io.sluice.simd.NonFiniteException if {@code vector} has a NaN or an infinity
   */
  public int encode(float[] vector, int[] features, float[] values) {
    require("vector", vector.length, width());
    requireRoom(features.length, values.length, 1);
    Call call = take();
    try {
      System.arraycopy(vector, 0, call.vectors, 0, vector.length);
      return one(call, features, values);
    } finally {
      give(call);
    }
  }

  /**
   * As {@link #encode(float[], int[], float[])}, for a vector in memory.
   *
   * @param vector {@code [width]}, float32, little-endian, of any alignment, on or off the heap
   */
  public int encode(MemorySegment vector, int[] features, float[] values) {
    require("vector", vector.byteSize() / (double) Float.BYTES, width());
    requireRoom(features.length, values.length, 1);
    Call call = take();
    try {
      MemorySegment.copy(vector, FLOAT, 0, call.vectors, 0, width());
      return one(call, features, values);
    } finally {
      give(call);
    }
  }

  /**
   * Encodes a few vectors; each weight that is read is used for up to eight of them. (For hundreds
   * use an {@link io.sluice.engine.Engine}.)
   *
   * @param vectors {@code [counts.length, width]}
   * @param features receives vector {@code v}'s features, ascending, from {@code v·k} on
   * @param values receives their values
   * @param counts receives the number of features of each vector; its length is the number of
   *     vectors
   * @throws IllegalArgumentException as the other
   * @throws io.sluice.simd.NonFiniteException as the other; it names the row
   */
  public void encode(float[] vectors, int[] features, float[] values, int[] counts) {
    require("vectors", vectors.length, (double) counts.length * width());
    requireRoom(features.length, values.length, counts.length);
    Call call = take();
    try {
      for (int first = 0; first < counts.length; first += RowEncoder.MOST_VECTORS) {
        int count = Math.min(RowEncoder.MOST_VECTORS, counts.length - first);
        for (int v = 0; v < count; v++) {
          System.arraycopy(vectors, (first + v) * width(), call.vectors, v * call.padded, width());
        }
        several(call, first, count, features, values, counts);
      }
    } finally {
      give(call);
    }
  }

  /**
   * As {@link #encode(float[], int[], float[], int[])}, for vectors in memory.
   *
   * @param vectors {@code [counts.length, width]}, float32, little-endian, of any alignment
   */
  public void encode(MemorySegment vectors, int[] features, float[] values, int[] counts) {
    require("vectors", vectors.byteSize() / (double) Float.BYTES, (double) counts.length * width());
    requireRoom(features.length, values.length, counts.length);
    Call call = take();
    try {
      for (int first = 0; first < counts.length; first += RowEncoder.MOST_VECTORS) {
        int count = Math.min(RowEncoder.MOST_VECTORS, counts.length - first);
        for (int v = 0; v < count; v++) {
          long from = (long) (first + v) * width() * Float.BYTES;
          MemorySegment.copy(vectors, FLOAT, from, call.vectors, v * call.padded, width());
        }
        several(call, first, count, features, values, counts);
      }
    } finally {
      give(call);
    }
  }

  private int one(Call call, int[] features, float[] values) {
    prepare(call, 0, 1);
    search.encode(call.work, 1, workers, features, values, 0, call.count, 0);
    return call.count[0];
  }

  private void several(
      Call call, int first, int count, int[] features, float[] values, int[] counts) {
    prepare(call, first, count);
    try {
      search.encode(call.work, count, workers, features, values, first * k, counts, first);
    } catch (NonFiniteException e) {
      throw first == 0 ? e : new NonFiniteException(first + e.row(), e.column(), e.value());
    }
  }

  /** Normalises and centres vectors, of which the first is the call's {@code first}. */
  private void prepare(Call call, int first, int count) {
    float[] vectors = call.vectors;
    for (int v = 0; norm != null && v < count; v++) {
      norm.apply(vectors, v * call.padded, width(), first + v, null);
    }
    if (shift == null) {
      return;
    }
    for (int v = 0; v < count; v++) {
      int at = v * call.padded;
      for (int i = 0; i < shift.length; i++) {
        vectors[at + i] -= shift[i];
      }
    }
  }

  private static void require(String what, double given, double asked) {
    if (given != asked) {
      throw new IllegalArgumentException(
          what
              + " must have "
              + (long) asked
              + " values, not "
              + (given == (long) given ? Long.toString((long) given) : Double.toString(given)));
    }
  }

  private void requireRoom(int features, int values, int count) {
    if (Math.min(features, values) < (long) count * k) {
      throw new IllegalArgumentException(
          "%d vectors of %d features need as many places, not %d and %d"
              .formatted(count, k, features, values));
    }
  }

  private Call take() {
    for (int i = 0; i < idle.length(); i++) {
      if (idle.getPlain(i) != null) {
        Call call = idle.getAndSet(i, null);
        if (call != null) {
          return call;
        }
      }
    }
    return new Call();
  }

  private void give(Call call) {
    for (int i = 0; i < idle.length(); i++) {
      if (idle.getPlain(i) == null && idle.compareAndSet(i, null, call)) {
        return;
      }
    }
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "SparseEncoder[%d features of width %d, k %d, %s, %s]",
        features(),
        width(),
        k,
        weights,
        search.rows().kernels());
  }
}

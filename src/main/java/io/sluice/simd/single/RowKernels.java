package io.sluice.simd.single;

import io.sluice.simd.KernelProvider;
import io.sluice.simd.VectorWidth;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.util.List;

/**
 * Products of many rows with one vector, or with four: the inner loops of an encoder of few
 * vectors, whose speed is limited by memory, not by arithmetic.
 *
 * <p>Rows are read in {@link #STREAMS} streams at once, each from an eighth of the matrix of its
 * own: a core that follows one stream of addresses waits for every cache line of it, while its
 * prefetchers run ahead on each of several streams.
 *
 * <p>An implementation is made for one {@link RowFormat}. Whatever the method, the sum of a given
 * row and vector is taken in the same order, so its bits are the same; {@link ScalarRowKernels},
 * the specification, agrees with {@link VectorRowKernels} to the rounding of float32 sums.
 * Implementations have no state and may be used by any number of threads. Offsets are trusted.
 */
interface RowKernels {
  /** Streams that are read at once. */
  int STREAMS = 8;

  /** Vectors that {@link #four} takes. */
  int VECTORS = 4;

  /** Rows are padded with zeros to a multiple of so many values. */
  int PADDING = 16;

  /** Number of floats after the last result that may be overwritten. */
  int SLACK = 16;

  /** Scratch memory of a call, in floats. */
  int SUMS = 4 * VECTORS * PADDING;

  /** The name of these kernels, for instance {@code vector-512}. */
  String name();

  /**
   * {@code out[r·STREAMS + j] = Σ_i row(from + r·stride + j·jump)[i] · x[i]} for {@code r < count},
   * {@code j < STREAMS}, {@code i < width}.
   *
   * @param rows holds the rows
   * @param tile has {@code from}, {@code jump}, {@code stride} and {@code count}
   * @param width values per row, a multiple of {@link #PADDING}
   * @param x the vector, zero past its end
   * @param sums scratch memory of {@link #SUMS} floats
   * @param out with room for {@link #SLACK} more floats
   */
  void one(MemorySegment rows, Tile tile, int width, float[] x, int at, float[] sums, float[] out);

  /**
   * As {@link #one} for four vectors: vector {@code v} starts at {@code starts[v]}, and its results
   * go to {@code out} from {@code to + v·distance} on.
   *
   * @param starts {@link #VECTORS} of them
   * @param distance at least {@code count · STREAMS + SLACK}
   */
  void four(
      MemorySegment rows,
      Tile tile,
      int width,
      float[] x,
      int[] starts,
      float[] sums,
      float[] out,
      int to,
      int distance);

  /** Like {@link #one} for eight rows anywhere: row {@code j} starts at byte {@code offsets[j]}. */
  void scattered(
      MemorySegment rows, long[] offsets, int width, float[] x, int at, float[] sums, float[] out);

  /**
   * Which places count: bit {@code i} says whether {@code (scales·results + biases + length·slopes
   * + offsets) · factors ≥ limit}, {@code results} taken at {@code at + i} and the others at {@code
   * place + i}. All of them are read up to {@link #SLACK} floats further.
   *
   * @param count at most 64
   */
  long reaching(
      float[] results, int at, Bounds bounds, int place, int count, float length, float limit);

  /**
   * Where rows are, in bytes: row {@code r} of stream {@code j} starts at {@code from + r·stride +
   * j·jump}. It moves from block to block, so that a scan that is not compiled allocates nothing.
   */
  final class Tile {
    private final long jump;
    private final long stride;
    private long from;
    private int count;

    /**
     * A tile without rows.
     *
     * @param jump from a stream to the next
     * @param stride from a row to the next of the same stream
     */
    Tile(long jump, long stride) {
      this.jump = jump;
      this.stride = stride;
    }

    /**
     * Moves it.
     *
     * @param from where the first row of the first stream starts
     * @param count rows of each stream
     */
    Tile at(long from, int count) {
      this.from = from;
      this.count = count;
      return this;
    }

    long from() {
      return from;
    }

    long jump() {
      return jump;
    }

    long stride() {
      return stride;
    }

    int count() {
      return count;
    }

    /** Where row {@code r} of stream {@code j} starts. */
    long start(int r, int j) {
      return from + r * stride + j * jump;
    }
  }

  /**
   * From approximate products to upper bounds, by place.
   *
   * @param scales the factors of products
   * @param biases the numbers that are then added
   * @param slopes error bound per length of the vector
   * @param offsets error bound besides
   * @param factors the factors of the sums
   */
  record Bounds(float[] scales, float[] biases, float[] slopes, float[] offsets, float[] factors) {}

  /** The kernels of this machine for rows of {@code format}. */
  static RowKernels ofThisMachine(RowFormat format) {
    int bits = KernelProvider.vectorBits();
    return bits == 0 ? new ScalarRowKernels(format) : ofWidth(bits, format);
  }

  /** One instance for each vector width that this machine has in hardware, narrowest first. */
  static List<RowKernels> everyWidth(RowFormat format) {
    return KernelProvider.widths().stream().map(bits -> ofWidth(bits, format)).toList();
  }

  private static RowKernels ofWidth(int bits, RowFormat format) {
    return KernelProvider.define(
        MethodHandles.lookup(),
        RowKernels.class,
        VectorRowKernels.class,
        new VectorRowKernels.Shape(VectorWidth.speciesOfBits(bits), format));
  }
}

package io.sluice.simd.single;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link RowKernels} for one vector width and one format; defined once for each by {@link
 * KernelProvider}, so that both are constants in compiled code.
 */
final class VectorRowKernels implements RowKernels {
  /**
   * What a class of these kernels is made for.
   *
   * @param species its vectors
   * @param format its rows
   */
  public record Shape(VectorSpecies<Float> species, RowFormat format) {}

  private static final Shape SHAPE = shape();
  private static final VectorSpecies<Float> FLOATS = SHAPE.species();
  private static final int LANES = FLOATS.length();
  private static final int BYTES = SHAPE.format().bytes();

  // Booleans, because compiled code would look a switch over the format up in a table each time.
  private static final boolean FLOAT32 = SHAPE.format() == RowFormat.F32;
  private static final boolean BFLOAT16 = SHAPE.format() == RowFormat.BF16;

  /** Floats of four sums. */
  private static final int QUAD = 4 * LANES;

  private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(LANES * Short.SIZE));

  /** Eight bytes at least: there is no shorter vector, and the rest is not looked at. */
  private static final VectorSpecies<Byte> SIGNED_BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, LANES * Byte.SIZE)));

  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private static final VectorShuffle<Float> SWAP1 = swap(1);
  private static final VectorShuffle<Float> SWAP2 = swap(2);
  private static final VectorShuffle<Float> SWAP4 = swap(4);
  private static final VectorShuffle<Float> SWAP8 = swap(8);
  private static final VectorMask<Float> HIGH1 = high(1);
  private static final VectorMask<Float> HIGH2 = high(2);

  /** The class data; float32 rows and the preferred species where there is none. */
  private static Shape shape() {
    try {
      Shape given = MethodHandles.classData(MethodHandles.lookup(), "_", Shape.class);
      return given == null ? new Shape(FloatVector.SPECIES_PREFERRED, RowFormat.F32) : given;
    } catch (IllegalAccessException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  @Override
  public String name() {
    return "vector-" + FLOATS.vectorBitSize();
  }

  @Override
  public void one(
      MemorySegment rows, Tile tile, int width, float[] x, int at, float[] sums, float[] out) {
    long from = tile.from();
    long jump = tile.jump();
    long stride = tile.stride();
    int count = tile.count();
    for (int r = 0; r < count; r++) {
      long row = from + r * stride;
      long half = row + 4 * jump;
      if (BFLOAT16) {
        for (int q = 0; q < 2; q++) {
          long first = row + q * 4 * jump;
          quad(
              rows,
              first,
              first + jump,
              first + 2 * jump,
              first + 3 * jump,
              width,
              x,
              at,
              sums,
              q * QUAD);
        }
      } else {
        eight(
            rows,
            row,
            row + jump,
            row + 2 * jump,
            row + 3 * jump,
            half,
            half + jump,
            half + 2 * jump,
            half + 3 * jump,
            width,
            x,
            at,
            sums);
      }
      // Each store may overwrite the place of the next result, which is written later.
      for (int q = 0; q < 2; q++) {
        addUp(sums, q * QUAD, out, r * STREAMS + q * 4);
      }
    }
  }

  @Override
  public void scattered(
      MemorySegment rows, long[] offsets, int width, float[] x, int at, float[] sums, float[] out) {
    for (int j = 0; j < STREAMS; j += 4) {
      quad(rows, offsets[j], offsets[j + 1], offsets[j + 2], offsets[j + 3], width, x, at, sums, 0);
      addUp(sums, 0, out, j);
    }
  }

  @Override
  public void four(
      MemorySegment rows,
      Tile tile,
      int width,
      float[] x,
      int[] starts,
      float[] sums,
      float[] out,
      int to,
      int distance) {
    int x0 = starts[0];
    int x1 = starts[1];
    int x2 = starts[2];
    int x3 = starts[3];
    long from = tile.from();
    long jump = tile.jump();
    long stride = tile.stride();
    int halves = 2 * tile.count();
    for (int half = 0; half < halves; half++) {
      long row = from + (half >> 1) * stride + (half & 1) * 4 * jump;
      quads(rows, row, row + jump, row + 2 * jump, row + 3 * jump, width, x, x0, x1, x2, x3, sums);
      int place = to + half * 4;
      for (int v = 0; v < VECTORS; v++) {
        addUp(sums, v * QUAD, out, place + v * distance);
      }
    }
  }

  /*
   * The sums leave through memory, and are added up by a method that is given an array: there is a
   * bound to what the compiler takes into one method, and a vector that is handed to a method which
   * it leaves out becomes an object. For the same reason each of these methods is called at one
   * place only, and rows whose widening takes several operations go by in fours.
   */
  private static void eight(
      MemorySegment rows,
      long row0,
      long row1,
      long row2,
      long row3,
      long row4,
      long row5,
      long row6,
      long row7,
      int width,
      float[] x,
      int at,
      float[] sums) {
    FloatVector sum0 = FloatVector.zero(FLOATS);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    FloatVector sum4 = sum0;
    FloatVector sum5 = sum0;
    FloatVector sum6 = sum0;
    FloatVector sum7 = sum0;
    for (int i = 0; i < width; i += LANES) {
      FloatVector v = FloatVector.fromArray(FLOATS, x, at + i);
      long place = (long) i * BYTES;
      sum0 = v.fma(load(rows, row0 + place), sum0);
      sum1 = v.fma(load(rows, row1 + place), sum1);
      sum2 = v.fma(load(rows, row2 + place), sum2);
      sum3 = v.fma(load(rows, row3 + place), sum3);
      sum4 = v.fma(load(rows, row4 + place), sum4);
      sum5 = v.fma(load(rows, row5 + place), sum5);
      sum6 = v.fma(load(rows, row6 + place), sum6);
      sum7 = v.fma(load(rows, row7 + place), sum7);
    }
    sum0.intoArray(sums, 0);
    sum1.intoArray(sums, LANES);
    sum2.intoArray(sums, 2 * LANES);
    sum3.intoArray(sums, 3 * LANES);
    sum4.intoArray(sums, 4 * LANES);
    sum5.intoArray(sums, 5 * LANES);
    sum6.intoArray(sums, 6 * LANES);
    sum7.intoArray(sums, 7 * LANES);
  }

  private static void quad(
      MemorySegment rows,
      long row0,
      long row1,
      long row2,
      long row3,
      int width,
      float[] x,
      int at,
      float[] sums,
      int to) {
    FloatVector sum0 = FloatVector.zero(FLOATS);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    for (int i = 0; i < width; i += LANES) {
      FloatVector v = FloatVector.fromArray(FLOATS, x, at + i);
      long place = (long) i * BYTES;
      sum0 = v.fma(load(rows, row0 + place), sum0);
      sum1 = v.fma(load(rows, row1 + place), sum1);
      sum2 = v.fma(load(rows, row2 + place), sum2);
      sum3 = v.fma(load(rows, row3 + place), sum3);
    }
    sum0.intoArray(sums, to);
    sum1.intoArray(sums, to + LANES);
    sum2.intoArray(sums, to + 2 * LANES);
    sum3.intoArray(sums, to + 3 * LANES);
  }

  /*
   * Four rows by four vectors: sixteen sums, and each value that was waited for is used four times.
   */
  private static void quads(
      MemorySegment rows,
      long row0,
      long row1,
      long row2,
      long row3,
      int width,
      float[] x,
      int x0,
      int x1,
      int x2,
      int x3,
      float[] sums) {
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector a1 = a0;
    FloatVector a2 = a0;
    FloatVector a3 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector b2 = a0;
    FloatVector b3 = a0;
    FloatVector c0 = a0;
    FloatVector c1 = a0;
    FloatVector c2 = a0;
    FloatVector c3 = a0;
    FloatVector d0 = a0;
    FloatVector d1 = a0;
    FloatVector d2 = a0;
    FloatVector d3 = a0;
    for (int i = 0; i < width; i += LANES) {
      long place = (long) i * BYTES;
      FloatVector w0 = load(rows, row0 + place);
      FloatVector w1 = load(rows, row1 + place);
      FloatVector w2 = load(rows, row2 + place);
      FloatVector w3 = load(rows, row3 + place);
      FloatVector v = FloatVector.fromArray(FLOATS, x, x0 + i);
      a0 = v.fma(w0, a0);
      a1 = v.fma(w1, a1);
      a2 = v.fma(w2, a2);
      a3 = v.fma(w3, a3);
      v = FloatVector.fromArray(FLOATS, x, x1 + i);
      b0 = v.fma(w0, b0);
      b1 = v.fma(w1, b1);
      b2 = v.fma(w2, b2);
      b3 = v.fma(w3, b3);
      v = FloatVector.fromArray(FLOATS, x, x2 + i);
      c0 = v.fma(w0, c0);
      c1 = v.fma(w1, c1);
      c2 = v.fma(w2, c2);
      c3 = v.fma(w3, c3);
      v = FloatVector.fromArray(FLOATS, x, x3 + i);
      d0 = v.fma(w0, d0);
      d1 = v.fma(w1, d1);
      d2 = v.fma(w2, d2);
      d3 = v.fma(w3, d3);
    }
    a0.intoArray(sums, 0);
    a1.intoArray(sums, LANES);
    a2.intoArray(sums, 2 * LANES);
    a3.intoArray(sums, 3 * LANES);
    b0.intoArray(sums, QUAD);
    b1.intoArray(sums, QUAD + LANES);
    b2.intoArray(sums, QUAD + 2 * LANES);
    b3.intoArray(sums, QUAD + 3 * LANES);
    c0.intoArray(sums, 2 * QUAD);
    c1.intoArray(sums, 2 * QUAD + LANES);
    c2.intoArray(sums, 2 * QUAD + 2 * LANES);
    c3.intoArray(sums, 2 * QUAD + 3 * LANES);
    d0.intoArray(sums, 3 * QUAD);
    d1.intoArray(sums, 3 * QUAD + LANES);
    d2.intoArray(sums, 3 * QUAD + 2 * LANES);
    d3.intoArray(sums, 3 * QUAD + 3 * LANES);
  }

  /**
   * Adds up the lanes of four vectors each; what is written past four results is void. Neighbours
   * are added first, those of one vector in the low lane of a pair, of the next in the high.
   */
  private static void addUp(float[] sums, int from, float[] out, int to) {
    FloatVector a = FloatVector.fromArray(FLOATS, sums, from);
    FloatVector b = FloatVector.fromArray(FLOATS, sums, from + LANES);
    FloatVector c = FloatVector.fromArray(FLOATS, sums, from + 2 * LANES);
    FloatVector d = FloatVector.fromArray(FLOATS, sums, from + 3 * LANES);
    FloatVector ab = a.blend(b, HIGH1).add(b.blend(a, HIGH1).rearrange(SWAP1));
    FloatVector cd = c.blend(d, HIGH1).add(d.blend(c, HIGH1).rearrange(SWAP1));
    FloatVector all = ab.blend(cd, HIGH2).add(cd.blend(ab, HIGH2).rearrange(SWAP2));
    if (LANES >= 8) {
      all = all.add(all.rearrange(SWAP4));
    }
    if (LANES == 16) {
      all = all.add(all.rearrange(SWAP8));
    }
    all.intoArray(out, to);
  }

  @Override
  public long reaching(
      float[] results, int at, Bounds bounds, int place, int count, float length, float limit) {
    float[] scales = bounds.scales();
    float[] biases = bounds.biases();
    float[] slopes = bounds.slopes();
    float[] offsets = bounds.offsets();
    float[] factors = bounds.factors();
    long bits = 0;
    for (int i = 0; i < count; i += LANES) {
      FloatVector value =
          FloatVector.fromArray(FLOATS, scales, place + i)
              .mul(FloatVector.fromArray(FLOATS, results, at + i))
              .add(FloatVector.fromArray(FLOATS, biases, place + i));
      FloatVector error =
          FloatVector.fromArray(FLOATS, slopes, place + i)
              .mul(length)
              .add(FloatVector.fromArray(FLOATS, offsets, place + i));
      FloatVector score = value.add(error).mul(FloatVector.fromArray(FLOATS, factors, place + i));
      bits |= score.compare(VectorOperators.GE, limit).toLong() << i;
    }
    return count == Long.SIZE ? bits : bits & (1L << count) - 1;
  }

  private static VectorShuffle<Float> swap(int distance) {
    return VectorShuffle.fromOp(FLOATS, lane -> (lane ^ distance) % LANES);
  }

  private static VectorMask<Float> high(int bit) {
    boolean[] lanes = new boolean[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      lanes[lane] = (lane & bit) != 0;
    }
    return VectorMask.fromArray(FLOATS, lanes, 0);
  }

  private static FloatVector load(MemorySegment rows, long at) {
    if (FLOAT32) {
      return FloatVector.fromMemorySegment(FLOATS, rows, at, ORDER);
    }
    return BFLOAT16 ? widen(rows, at) : convert(rows, at);
  }

  private static FloatVector widen(MemorySegment rows, long at) {
    return ((IntVector)
            ShortVector.fromMemorySegment(SHORTS, rows, at, ORDER)
                .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
        .lanewise(VectorOperators.LSHL, Short.SIZE)
        .reinterpretAsFloats();
  }

  private static FloatVector convert(MemorySegment rows, long at) {
    return (FloatVector)
        ByteVector.fromMemorySegment(SIGNED_BYTES, rows, at, ORDER)
            .convertShape(VectorOperators.B2F, FLOATS, 0);
  }
}

package io.sluice.simd.moments;

import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.simd.KernelProvider;
import io.sluice.simd.Panels;
import io.sluice.simd.VectorWidth;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link MomentKernels} for one vector width.
 *
 * <p>The compiler turns these loops into vector instructions only if the species is a constant of
 * the class. So that one text serves every width, {@link KernelProvider} defines this class once
 * per width as a hidden class whose class data is the species. Loaded in the ordinary way it has
 * the machine's preferred width.
 */
final class VectorMomentKernels implements MomentKernels {
  private static final VectorSpecies<Float> FLOATS = VectorWidth.speciesOf(MethodHandles.lookup());
  private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final int LANES = FLOATS.length();
  private static final int BYTES = LANES * Float.BYTES;
  private static final int WIDTH = 2 * LANES;
  private static final int WIDTH_BYTES = 2 * BYTES;

  @Override
  public String name() {
    return "vector-" + FLOATS.vectorBitSize();
  }

  @Override
  public int panelWidth() {
    return WIDTH;
  }

  /*
   * Zero times a value is zero if the value is finite and NaN if not, and NaN stays in a sum: one
   * multiply-add per vector finds them all.
   */
  @Override
  public boolean packColumns(
      Rows rows,
      int firstRow,
      int count,
      int column,
      float[] shift,
      MemorySegment panel,
      long offset) {
    if (rows.width() - column < WIDTH) {
      return packLastColumns(rows, firstRow, count, column, shift, panel, offset);
    }
    MemorySegment memory = rows.memory();
    long rowBytes = rows.rowBytes();
    int bytes = rows.dtype().bytes();
    long from = firstRow * rowBytes + (long) column * bytes;
    int half = LANES * bytes;
    long to = offset * Float.BYTES;
    FloatVector shift0 = FloatVector.fromArray(FLOATS, shift, column);
    FloatVector shift1 = FloatVector.fromArray(FLOATS, shift, column + LANES);
    FloatVector zero = FloatVector.zero(FLOATS);
    FloatVector check0 = zero;
    FloatVector check1 = zero;
    switch (rows.dtype()) {
      case F32 -> {
        for (long t = 0; t < count; t++) {
          long at = from + t * rowBytes;
          FloatVector x0 = f32(memory, at).sub(shift0);
          FloatVector x1 = f32(memory, at + half).sub(shift1);
          x0.intoMemorySegment(panel, to + t * WIDTH_BYTES, ORDER);
          x1.intoMemorySegment(panel, to + t * WIDTH_BYTES + BYTES, ORDER);
          check0 = x0.fma(zero, check0);
          check1 = x1.fma(zero, check1);
        }
      }
      case F16 -> {
        for (long t = 0; t < count; t++) {
          long at = from + t * rowBytes;
          FloatVector x0 = f16(memory, at).sub(shift0);
          FloatVector x1 = f16(memory, at + half).sub(shift1);
          x0.intoMemorySegment(panel, to + t * WIDTH_BYTES, ORDER);
          x1.intoMemorySegment(panel, to + t * WIDTH_BYTES + BYTES, ORDER);
          check0 = x0.fma(zero, check0);
          check1 = x1.fma(zero, check1);
        }
      }
      case BF16 -> {
        for (long t = 0; t < count; t++) {
          long at = from + t * rowBytes;
          FloatVector x0 = bf16(memory, at).sub(shift0);
          FloatVector x1 = bf16(memory, at + half).sub(shift1);
          x0.intoMemorySegment(panel, to + t * WIDTH_BYTES, ORDER);
          x1.intoMemorySegment(panel, to + t * WIDTH_BYTES + BYTES, ORDER);
          check0 = x0.fma(zero, check0);
          check1 = x1.fma(zero, check1);
        }
      }
      default -> throw new IllegalArgumentException(rows.dtype().label());
    }
    FloatVector check = check0.add(check1);
    return !check.compare(VectorOperators.NE, check).anyTrue();
  }

  /** A panel that reaches past the width of the rows: at most one per row, so it may be slow. */
  private static boolean packLastColumns(
      Rows rows,
      int firstRow,
      int count,
      int column,
      float[] shift,
      MemorySegment panel,
      long offset) {
    MemorySegment memory = rows.memory();
    DType dtype = rows.dtype();
    int columns = rows.width() - column;
    float check = 0;
    for (int t = 0; t < count; t++) {
      long at = (firstRow + t) * rows.rowBytes() + (long) column * dtype.bytes();
      long to = offset + (long) t * WIDTH;
      for (int j = 0; j < columns; j++) {
        float value = dtype.readFloat32(memory, at + (long) j * dtype.bytes()) - shift[column + j];
        Panels.set(panel, to + j, value);
        check += 0 * value;
      }
      for (int j = columns; j < WIDTH; j++) {
        Panels.set(panel, to + j, 0);
      }
    }
    return check == 0;
  }

  @Override
  public void columnSums(MemorySegment panel, long offset, int depth, double[] sums, int at) {
    FloatVector sum0 = FloatVector.zero(FLOATS);
    FloatVector sum1 = FloatVector.zero(FLOATS);
    for (int t = 0; t < depth; t++) {
      long place = offset * Float.BYTES + (long) t * WIDTH_BYTES;
      sum0 = sum0.add(f32(panel, place));
      sum1 = sum1.add(f32(panel, place + BYTES));
    }
    for (int j = 0; j < LANES; j++) {
      sums[at + j] += sum0.lane(j);
      sums[at + LANES + j] += sum1.lane(j);
    }
  }

  /*
   * Eight rows by two vectors: 16 accumulators, two loads and eight broadcasts feed 16
   * multiply-adds, which keeps both units of a core busy and leaves registers to spare. The steps
   * between values are constants, or the compiler keeps a bounds check for each of them. Nothing
   * is moved to a method: one call that is not inlined would put the accumulators on the heap.
   */
  @Override
  public void tile(
      MemorySegment a,
      long aOffset,
      MemorySegment b,
      long bOffset,
      int depth,
      float[] c,
      int cOffset) {
    long left = aOffset * Float.BYTES;
    long right = bOffset * Float.BYTES;
    FloatVector zero = FloatVector.zero(FLOATS);
    FloatVector c00 = zero;
    FloatVector c01 = zero;
    FloatVector c10 = zero;
    FloatVector c11 = zero;
    FloatVector c20 = zero;
    FloatVector c21 = zero;
    FloatVector c30 = zero;
    FloatVector c31 = zero;
    FloatVector c40 = zero;
    FloatVector c41 = zero;
    FloatVector c50 = zero;
    FloatVector c51 = zero;
    FloatVector c60 = zero;
    FloatVector c61 = zero;
    FloatVector c70 = zero;
    FloatVector c71 = zero;
    for (int t = 0; t < depth; t++) {
      long step = (long) t * WIDTH_BYTES;
      FloatVector b0 = f32(b, right + step);
      FloatVector b1 = f32(b, right + step + BYTES);
      long at = left + step;
      FloatVector x = FloatVector.broadcast(FLOATS, a.get(Panels.FLOAT, at));
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      x = FloatVector.broadcast(FLOATS, a.get(Panels.FLOAT, at + 4));
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      x = FloatVector.broadcast(FLOATS, a.get(Panels.FLOAT, at + 8));
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      x = FloatVector.broadcast(FLOATS, a.get(Panels.FLOAT, at + 12));
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      x = FloatVector.broadcast(FLOATS, a.get(Panels.FLOAT, at + 16));
      c40 = x.fma(b0, c40);
      c41 = x.fma(b1, c41);
      x = FloatVector.broadcast(FLOATS, a.get(Panels.FLOAT, at + 20));
      c50 = x.fma(b0, c50);
      c51 = x.fma(b1, c51);
      x = FloatVector.broadcast(FLOATS, a.get(Panels.FLOAT, at + 24));
      c60 = x.fma(b0, c60);
      c61 = x.fma(b1, c61);
      x = FloatVector.broadcast(FLOATS, a.get(Panels.FLOAT, at + 28));
      c70 = x.fma(b0, c70);
      c71 = x.fma(b1, c71);
    }
    int row0 = cOffset;
    FloatVector.fromArray(FLOATS, c, row0).add(c00).intoArray(c, row0);
    FloatVector.fromArray(FLOATS, c, row0 + LANES).add(c01).intoArray(c, row0 + LANES);
    int row1 = cOffset + WIDTH;
    FloatVector.fromArray(FLOATS, c, row1).add(c10).intoArray(c, row1);
    FloatVector.fromArray(FLOATS, c, row1 + LANES).add(c11).intoArray(c, row1 + LANES);
    int row2 = cOffset + 2 * WIDTH;
    FloatVector.fromArray(FLOATS, c, row2).add(c20).intoArray(c, row2);
    FloatVector.fromArray(FLOATS, c, row2 + LANES).add(c21).intoArray(c, row2 + LANES);
    int row3 = cOffset + 3 * WIDTH;
    FloatVector.fromArray(FLOATS, c, row3).add(c30).intoArray(c, row3);
    FloatVector.fromArray(FLOATS, c, row3 + LANES).add(c31).intoArray(c, row3 + LANES);
    int row4 = cOffset + 4 * WIDTH;
    FloatVector.fromArray(FLOATS, c, row4).add(c40).intoArray(c, row4);
    FloatVector.fromArray(FLOATS, c, row4 + LANES).add(c41).intoArray(c, row4 + LANES);
    int row5 = cOffset + 5 * WIDTH;
    FloatVector.fromArray(FLOATS, c, row5).add(c50).intoArray(c, row5);
    FloatVector.fromArray(FLOATS, c, row5 + LANES).add(c51).intoArray(c, row5 + LANES);
    int row6 = cOffset + 6 * WIDTH;
    FloatVector.fromArray(FLOATS, c, row6).add(c60).intoArray(c, row6);
    FloatVector.fromArray(FLOATS, c, row6 + LANES).add(c61).intoArray(c, row6 + LANES);
    int row7 = cOffset + 7 * WIDTH;
    FloatVector.fromArray(FLOATS, c, row7).add(c70).intoArray(c, row7);
    FloatVector.fromArray(FLOATS, c, row7 + LANES).add(c71).intoArray(c, row7 + LANES);
  }

  private static FloatVector f32(MemorySegment memory, long at) {
    return FloatVector.fromMemorySegment(FLOATS, memory, at, ORDER);
  }

  private static FloatVector bf16(MemorySegment memory, long at) {
    return halves(memory, at).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  /*
   * Exponent and fraction move to their place in a float and the difference of the two exponent
   * biases becomes a multiplication, which is exact and makes subnormals right. What had the
   * largest exponent is infinity or NaN.
   */
  private static FloatVector f16(MemorySegment memory, long at) {
    IntVector bits = halves(memory, at);
    IntVector magnitude = bits.and(0x7fff).lanewise(VectorOperators.LSHL, 13);
    VectorMask<Integer> special = magnitude.compare(VectorOperators.GE, 0x7c00 << 13);
    IntVector sign = bits.and(0x8000).lanewise(VectorOperators.LSHL, 16);
    return magnitude
        .reinterpretAsFloats()
        .mul(0x1p112f)
        .reinterpretAsInts()
        .lanewise(VectorOperators.OR, 0x7f800000, special)
        .or(sign)
        .reinterpretAsFloats();
  }

  private static IntVector halves(MemorySegment memory, long at) {
    return (IntVector)
        ShortVector.fromMemorySegment(SHORTS, memory, at, ORDER)
            .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
  }
}

package io.sluice.simd.moments;

import io.sluice.memory.DType;
import io.sluice.memory.NativeMemory;
import io.sluice.memory.Rows;
import io.sluice.simd.KernelProvider;
import io.sluice.simd.Panels;
import io.sluice.simd.VectorWidth;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
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
  private static final VectorSpecies<Double> DOUBLES = FLOATS.withLanes(double.class);
  private static final VectorSpecies<Float> HALVES =
      VectorSpecies.of(float.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));
  private static final MemorySegment ALL = NativeMemory.ALL;
  private static final VarHandle VALUE = Panels.FLOAT.varHandle();
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final int LANES = FLOATS.length();
  private static final int BYTES = LANES * Float.BYTES;

  /** With vectors of 512 bits there are 32 registers, else perhaps 16. */
  private static final int TILE_ROWS = LANES < 16 ? 4 : 8;

  private static final int VECTORS = LANES < 16 ? 3 : 2;
  private static final int WIDTH = VECTORS * LANES;
  private static final int WIDTH_BYTES = VECTORS * BYTES;

  /** {@link #WIDTH_BYTES}, of which the compiler does not know that it never changes. */
  private static long variableWidthBytes = WIDTH_BYTES;

  @Override
  public String name() {
    return "vector-" + FLOATS.vectorBitSize();
  }

  @Override
  public int panelWidth() {
    return WIDTH;
  }

  @Override
  public int tileRows() {
    return TILE_ROWS;
  }

  /*
   * Zero times a value is zero if the value is finite and NaN if not, and NaN stays in a sum: one
   * multiply-add per vector finds them all.
   */
  @Override
  public boolean packRow(Rows rows, int row, float[] shift, long panels, long panelBytes) {
    MemorySegment memory = rows.memory();
    int bytes = rows.dtype().bytes();
    long from = row * rows.rowBytes();
    int half = LANES * bytes;
    int column = 0;
    long place = panels;
    FloatVector zero = FloatVector.zero(FLOATS);
    FloatVector check0 = zero;
    FloatVector check1 = zero;
    switch (rows.dtype()) {
      case F32 -> {
        for (; column <= rows.width() - WIDTH; column += WIDTH) {
          long at = from + (long) column * bytes;
          FloatVector x0 = f32(memory, at).sub(FloatVector.fromArray(FLOATS, shift, column));
          FloatVector x1 =
              f32(memory, at + half).sub(FloatVector.fromArray(FLOATS, shift, column + LANES));
          x0.intoMemorySegment(ALL, place, ORDER);
          x1.intoMemorySegment(ALL, place + BYTES, ORDER);
          check0 = x0.fma(zero, check0);
          check1 = x1.fma(zero, check1);
          if (VECTORS > 2) {
            FloatVector x2 =
                f32(memory, at + 2 * half)
                    .sub(FloatVector.fromArray(FLOATS, shift, column + 2 * LANES));
            x2.intoMemorySegment(ALL, place + 2 * BYTES, ORDER);
            check0 = x2.fma(zero, check0);
          }
          place += panelBytes;
        }
      }
      case F16 -> {
        for (; column <= rows.width() - WIDTH; column += WIDTH) {
          long at = from + (long) column * bytes;
          FloatVector x0 = f16(memory, at).sub(FloatVector.fromArray(FLOATS, shift, column));
          FloatVector x1 =
              f16(memory, at + half).sub(FloatVector.fromArray(FLOATS, shift, column + LANES));
          x0.intoMemorySegment(ALL, place, ORDER);
          x1.intoMemorySegment(ALL, place + BYTES, ORDER);
          check0 = x0.fma(zero, check0);
          check1 = x1.fma(zero, check1);
          if (VECTORS > 2) {
            FloatVector x2 =
                f16(memory, at + 2 * half)
                    .sub(FloatVector.fromArray(FLOATS, shift, column + 2 * LANES));
            x2.intoMemorySegment(ALL, place + 2 * BYTES, ORDER);
            check0 = x2.fma(zero, check0);
          }
          place += panelBytes;
        }
      }
      case BF16 -> {
        for (; column <= rows.width() - WIDTH; column += WIDTH) {
          long at = from + (long) column * bytes;
          FloatVector x0 = bf16(memory, at).sub(FloatVector.fromArray(FLOATS, shift, column));
          FloatVector x1 =
              bf16(memory, at + half).sub(FloatVector.fromArray(FLOATS, shift, column + LANES));
          x0.intoMemorySegment(ALL, place, ORDER);
          x1.intoMemorySegment(ALL, place + BYTES, ORDER);
          check0 = x0.fma(zero, check0);
          check1 = x1.fma(zero, check1);
          if (VECTORS > 2) {
            FloatVector x2 =
                bf16(memory, at + 2 * half)
                    .sub(FloatVector.fromArray(FLOATS, shift, column + 2 * LANES));
            x2.intoMemorySegment(ALL, place + 2 * BYTES, ORDER);
            check0 = x2.fma(zero, check0);
          }
          place += panelBytes;
        }
      }
      default -> throw new IllegalArgumentException(rows.dtype().label());
    }
    FloatVector check = check0.add(check1);
    boolean finite = !check.compare(VectorOperators.NE, check).anyTrue();
    return column == rows.width() ? finite : finite & packLast(rows, row, column, shift, place);
  }

  /** The panel that reaches past the width of the rows. */
  private static boolean packLast(Rows rows, int row, int column, float[] shift, long panel) {
    MemorySegment memory = rows.memory();
    DType dtype = rows.dtype();
    int columns = rows.width() - column;
    long at = row * rows.rowBytes() + (long) column * dtype.bytes();
    float check = 0;
    for (int j = 0; j < columns; j++) {
      float value = dtype.readFloat32(memory, at + (long) j * dtype.bytes()) - shift[column + j];
      Panels.set(ALL, panel / Float.BYTES + j, value);
      check += 0 * value;
    }
    for (int j = columns; j < WIDTH; j++) {
      Panels.set(ALL, panel / Float.BYTES + j, 0);
    }
    return check == 0;
  }

  @Override
  public void columnSums(long panel, int depth, double[] sums, int at) {
    for (int v = 0; v < VECTORS; v++) {
      long from = panel + (long) v * BYTES;
      FloatVector sum = FloatVector.zero(FLOATS);
      for (int t = 0; t < depth; t++) {
        sum = sum.add(f32(ALL, from + (long) t * WIDTH_BYTES));
      }
      for (int j = 0; j < LANES; j++) {
        sums[at + v * LANES + j] += sum.lane(j);
      }
    }
  }

  @Override
  public void join(
      long products,
      double sum,
      double[] sums,
      double step,
      double[] steps,
      int column,
      double[] scatter,
      int at) {
    FloatVector zero = FloatVector.zero(HALVES);
    for (int j = 0; j < WIDTH; j += DOUBLES.length()) {
      long place = products + (long) j * Float.BYTES;
      DoubleVector product =
          (DoubleVector)
              FloatVector.fromMemorySegment(HALVES, ALL, place, ORDER)
                  .convertShape(VectorOperators.F2D, DOUBLES, 0);
      DoubleVector change =
          product
              .sub(DoubleVector.fromArray(DOUBLES, sums, column + j).mul(sum))
              .add(DoubleVector.fromArray(DOUBLES, steps, column + j).mul(step));
      DoubleVector.fromArray(DOUBLES, scatter, at + j).add(change).intoArray(scatter, at + j);
      zero.intoMemorySegment(ALL, place, ORDER);
    }
  }

  @Override
  public void tile(long a, long b, int depth, long c) {
    if (TILE_ROWS == 8) {
      eightByTwo(a, b, depth, c);
    } else {
      fourByThree(a, b, depth, c);
    }
  }

  @Override
  public void diagonalTile(long a, long b, int first, int depth, long c) {
    if (TILE_ROWS == 8 && first >= LANES) {
      eightByOne(a, b + BYTES, depth, c + BYTES);
    } else {
      tile(a, b, depth, c);
    }
  }

  /*
   * Eight rows by two vectors: 16 accumulators, two loads and eight broadcasts feed 16
   * multiply-adds, which keeps both units of a core busy and leaves registers to spare. Nothing is
   * moved to a method: one call that is not inlined would put the accumulators on the heap. Steps
   * are not unrolled, as the panel's place is a product with a variable: after a hundred of them
   * the ends of an unrolled loop would take more than it saves.
   */
  private static void eightByTwo(long a, long b, int depth, long c) {
    FloatVector c00 = FloatVector.zero(FLOATS);
    FloatVector c01 = c00;
    FloatVector c10 = c00;
    FloatVector c11 = c00;
    FloatVector c20 = c00;
    FloatVector c21 = c00;
    FloatVector c30 = c00;
    FloatVector c31 = c00;
    FloatVector c40 = c00;
    FloatVector c41 = c00;
    FloatVector c50 = c00;
    FloatVector c51 = c00;
    FloatVector c60 = c00;
    FloatVector c61 = c00;
    FloatVector c70 = c00;
    FloatVector c71 = c00;
    long panelStep = variableWidthBytes;
    for (int t = 0; t < depth; t++) {
      long step = t * panelStep;
      long left = a + step;
      long right = b + step;
      FloatVector b0 = FloatVector.fromMemorySegment(FLOATS, ALL, right, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(FLOATS, ALL, right + BYTES, ORDER);
      FloatVector x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left));
      c00 = x.lanewise(VectorOperators.FMA, b0, c00);
      c01 = x.lanewise(VectorOperators.FMA, b1, c01);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 4));
      c10 = x.lanewise(VectorOperators.FMA, b0, c10);
      c11 = x.lanewise(VectorOperators.FMA, b1, c11);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 8));
      c20 = x.lanewise(VectorOperators.FMA, b0, c20);
      c21 = x.lanewise(VectorOperators.FMA, b1, c21);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 12));
      c30 = x.lanewise(VectorOperators.FMA, b0, c30);
      c31 = x.lanewise(VectorOperators.FMA, b1, c31);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 16));
      c40 = x.lanewise(VectorOperators.FMA, b0, c40);
      c41 = x.lanewise(VectorOperators.FMA, b1, c41);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 20));
      c50 = x.lanewise(VectorOperators.FMA, b0, c50);
      c51 = x.lanewise(VectorOperators.FMA, b1, c51);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 24));
      c60 = x.lanewise(VectorOperators.FMA, b0, c60);
      c61 = x.lanewise(VectorOperators.FMA, b1, c61);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 28));
      c70 = x.lanewise(VectorOperators.FMA, b0, c70);
      c71 = x.lanewise(VectorOperators.FMA, b1, c71);
    }
    FloatVector.fromMemorySegment(FLOATS, ALL, c, ORDER).add(c00).intoMemorySegment(ALL, c, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + BYTES, ORDER)
        .add(c01)
        .intoMemorySegment(ALL, c + BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 1 * WIDTH_BYTES, ORDER)
        .add(c10)
        .intoMemorySegment(ALL, c + 1 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 1 * WIDTH_BYTES + BYTES, ORDER)
        .add(c11)
        .intoMemorySegment(ALL, c + 1 * WIDTH_BYTES + BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 2 * WIDTH_BYTES, ORDER)
        .add(c20)
        .intoMemorySegment(ALL, c + 2 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 2 * WIDTH_BYTES + BYTES, ORDER)
        .add(c21)
        .intoMemorySegment(ALL, c + 2 * WIDTH_BYTES + BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 3 * WIDTH_BYTES, ORDER)
        .add(c30)
        .intoMemorySegment(ALL, c + 3 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 3 * WIDTH_BYTES + BYTES, ORDER)
        .add(c31)
        .intoMemorySegment(ALL, c + 3 * WIDTH_BYTES + BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 4 * WIDTH_BYTES, ORDER)
        .add(c40)
        .intoMemorySegment(ALL, c + 4 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 4 * WIDTH_BYTES + BYTES, ORDER)
        .add(c41)
        .intoMemorySegment(ALL, c + 4 * WIDTH_BYTES + BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 5 * WIDTH_BYTES, ORDER)
        .add(c50)
        .intoMemorySegment(ALL, c + 5 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 5 * WIDTH_BYTES + BYTES, ORDER)
        .add(c51)
        .intoMemorySegment(ALL, c + 5 * WIDTH_BYTES + BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 6 * WIDTH_BYTES, ORDER)
        .add(c60)
        .intoMemorySegment(ALL, c + 6 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 6 * WIDTH_BYTES + BYTES, ORDER)
        .add(c61)
        .intoMemorySegment(ALL, c + 6 * WIDTH_BYTES + BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 7 * WIDTH_BYTES, ORDER)
        .add(c70)
        .intoMemorySegment(ALL, c + 7 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 7 * WIDTH_BYTES + BYTES, ORDER)
        .add(c71)
        .intoMemorySegment(ALL, c + 7 * WIDTH_BYTES + BYTES, ORDER);
  }

  /** The right half of {@link #eightByTwo}: on the diagonal, lower rows need no more. */
  private static void eightByOne(long a, long b, int depth, long c) {
    FloatVector c0 = FloatVector.zero(FLOATS);
    FloatVector c1 = c0;
    FloatVector c2 = c0;
    FloatVector c3 = c0;
    FloatVector c4 = c0;
    FloatVector c5 = c0;
    FloatVector c6 = c0;
    FloatVector c7 = c0;
    long panelStep = variableWidthBytes;
    for (int t = 0; t < depth; t++) {
      long step = t * panelStep;
      long left = a + step;
      FloatVector right = FloatVector.fromMemorySegment(FLOATS, ALL, b + step, ORDER);
      FloatVector x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left));
      c0 = x.lanewise(VectorOperators.FMA, right, c0);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 4));
      c1 = x.lanewise(VectorOperators.FMA, right, c1);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 8));
      c2 = x.lanewise(VectorOperators.FMA, right, c2);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 12));
      c3 = x.lanewise(VectorOperators.FMA, right, c3);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 16));
      c4 = x.lanewise(VectorOperators.FMA, right, c4);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 20));
      c5 = x.lanewise(VectorOperators.FMA, right, c5);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 24));
      c6 = x.lanewise(VectorOperators.FMA, right, c6);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 28));
      c7 = x.lanewise(VectorOperators.FMA, right, c7);
    }
    FloatVector.fromMemorySegment(FLOATS, ALL, c, ORDER).add(c0).intoMemorySegment(ALL, c, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 1 * WIDTH_BYTES, ORDER)
        .add(c1)
        .intoMemorySegment(ALL, c + 1 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 2 * WIDTH_BYTES, ORDER)
        .add(c2)
        .intoMemorySegment(ALL, c + 2 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 3 * WIDTH_BYTES, ORDER)
        .add(c3)
        .intoMemorySegment(ALL, c + 3 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 4 * WIDTH_BYTES, ORDER)
        .add(c4)
        .intoMemorySegment(ALL, c + 4 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 5 * WIDTH_BYTES, ORDER)
        .add(c5)
        .intoMemorySegment(ALL, c + 5 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 6 * WIDTH_BYTES, ORDER)
        .add(c6)
        .intoMemorySegment(ALL, c + 6 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 7 * WIDTH_BYTES, ORDER)
        .add(c7)
        .intoMemorySegment(ALL, c + 7 * WIDTH_BYTES, ORDER);
  }

  /*
   * Twelve accumulators, three loads and a broadcast fit into sixteen registers, and do as C2 uses
   * them: it loads the three vectors first and each broadcast in turn.
   */
  private static void fourByThree(long a, long b, int depth, long c) {
    FloatVector c00 = FloatVector.zero(FLOATS);
    FloatVector c01 = c00;
    FloatVector c02 = c00;
    FloatVector c10 = c00;
    FloatVector c11 = c00;
    FloatVector c12 = c00;
    FloatVector c20 = c00;
    FloatVector c21 = c00;
    FloatVector c22 = c00;
    FloatVector c30 = c00;
    FloatVector c31 = c00;
    FloatVector c32 = c00;
    long panelStep = variableWidthBytes;
    for (int t = 0; t < depth; t++) {
      long step = t * panelStep;
      long left = a + step;
      long right = b + step;
      FloatVector b0 = FloatVector.fromMemorySegment(FLOATS, ALL, right, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(FLOATS, ALL, right + BYTES, ORDER);
      FloatVector b2 = FloatVector.fromMemorySegment(FLOATS, ALL, right + 2 * BYTES, ORDER);
      FloatVector x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left));
      c00 = x.lanewise(VectorOperators.FMA, b0, c00);
      c01 = x.lanewise(VectorOperators.FMA, b1, c01);
      c02 = x.lanewise(VectorOperators.FMA, b2, c02);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 4));
      c10 = x.lanewise(VectorOperators.FMA, b0, c10);
      c11 = x.lanewise(VectorOperators.FMA, b1, c11);
      c12 = x.lanewise(VectorOperators.FMA, b2, c12);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 8));
      c20 = x.lanewise(VectorOperators.FMA, b0, c20);
      c21 = x.lanewise(VectorOperators.FMA, b1, c21);
      c22 = x.lanewise(VectorOperators.FMA, b2, c22);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, left + 12));
      c30 = x.lanewise(VectorOperators.FMA, b0, c30);
      c31 = x.lanewise(VectorOperators.FMA, b1, c31);
      c32 = x.lanewise(VectorOperators.FMA, b2, c32);
    }
    FloatVector.fromMemorySegment(FLOATS, ALL, c, ORDER).add(c00).intoMemorySegment(ALL, c, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + BYTES, ORDER)
        .add(c01)
        .intoMemorySegment(ALL, c + BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 2 * BYTES, ORDER)
        .add(c02)
        .intoMemorySegment(ALL, c + 2 * BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 1 * WIDTH_BYTES, ORDER)
        .add(c10)
        .intoMemorySegment(ALL, c + 1 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 1 * WIDTH_BYTES + BYTES, ORDER)
        .add(c11)
        .intoMemorySegment(ALL, c + 1 * WIDTH_BYTES + BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 1 * WIDTH_BYTES + 2 * BYTES, ORDER)
        .add(c12)
        .intoMemorySegment(ALL, c + 1 * WIDTH_BYTES + 2 * BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 2 * WIDTH_BYTES, ORDER)
        .add(c20)
        .intoMemorySegment(ALL, c + 2 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 2 * WIDTH_BYTES + BYTES, ORDER)
        .add(c21)
        .intoMemorySegment(ALL, c + 2 * WIDTH_BYTES + BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 2 * WIDTH_BYTES + 2 * BYTES, ORDER)
        .add(c22)
        .intoMemorySegment(ALL, c + 2 * WIDTH_BYTES + 2 * BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 3 * WIDTH_BYTES, ORDER)
        .add(c30)
        .intoMemorySegment(ALL, c + 3 * WIDTH_BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 3 * WIDTH_BYTES + BYTES, ORDER)
        .add(c31)
        .intoMemorySegment(ALL, c + 3 * WIDTH_BYTES + BYTES, ORDER);
    FloatVector.fromMemorySegment(FLOATS, ALL, c + 3 * WIDTH_BYTES + 2 * BYTES, ORDER)
        .add(c32)
        .intoMemorySegment(ALL, c + 3 * WIDTH_BYTES + 2 * BYTES, ORDER);
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

package io.sluice.simd.adam;

import io.sluice.memory.NativeMemory;
import io.sluice.simd.KernelProvider;
import io.sluice.simd.VectorWidth;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** {@link AdamKernel} for one vector width; defined once per width by {@link KernelProvider}. */
final class VectorAdamKernel implements AdamKernel {
  private static final VectorSpecies<Float> FLOATS = VectorWidth.speciesOf(MethodHandles.lookup());
  private static final MemorySegment ALL = NativeMemory.ALL;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int LANES = FLOATS.length();
  private static final VectorSpecies<Integer> INTS =
      VectorSpecies.of(int.class, FLOATS.vectorShape());
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

  /** By lane, what tells the first columns of a row apart. */
  private static final int[] COLUMN_OFFSETS = new int[LANES];

  static {
    Arrays.setAll(COLUMN_OFFSETS, StochasticRounding::columnOffset);
  }

  @Override
  public void adam(
      long values,
      long firsts,
      long seconds,
      int width,
      float[] gradient,
      float decay1,
      float decay2,
      AdamRows.Factors factors) {
    // By address: over segments C2 moves the bounds check out of the loop and rounds it up. At the
    // table's last row the check then fails, and the compiled code is discarded, step after step.
    float gain1 = factors.gain1();
    float gain2 = factors.gain2();
    float rate = factors.rate();
    float correction = factors.correction();
    float epsilon = factors.epsilon();
    int i = 0;
    for (; i <= width - LANES; i += LANES) {
      long place = (long) i * Float.BYTES;
      FloatVector m = load(ALL, firsts + place).mul(decay1);
      FloatVector v = load(ALL, seconds + place).mul(decay2);
      if (gradient != null) {
        FloatVector g = FloatVector.fromArray(FLOATS, gradient, i);
        m = g.fma(FloatVector.broadcast(FLOATS, gain1), m);
        v = g.mul(gain2).fma(g, v);
      }
      VectorMask<Float> smallFirst = m.abs().compare(VectorOperators.LT, VANISHING);
      VectorMask<Float> smallSecond = v.compare(VectorOperators.LT, VANISHING);
      m = m.blend(0f, smallFirst);
      v = v.blend(0f, smallSecond);
      m.intoMemorySegment(ALL, firsts + place, ORDER);
      v.intoMemorySegment(ALL, seconds + place, ORDER);
      FloatVector root = v.sqrt().mul(correction).add(epsilon);
      load(ALL, values + place)
          .sub(m.mul(rate).div(root))
          .intoMemorySegment(ALL, values + place, ORDER);
    }
    for (; i < width; i++) {
      long place = (long) i * Float.BYTES;
      float g = gradient == null ? 0 : gradient[i];
      float m = Math.fma(g, gain1, ALL.get(FLOAT, firsts + place) * decay1);
      float v = Math.fma(g * gain2, g, ALL.get(FLOAT, seconds + place) * decay2);
      m = Math.abs(m) < VANISHING ? 0 : m;
      v = v < VANISHING ? 0 : v;
      ALL.set(FLOAT, firsts + place, m);
      ALL.set(FLOAT, seconds + place, v);
      float root = (float) Math.sqrt(v) * correction + epsilon;
      ALL.set(FLOAT, values + place, ALL.get(FLOAT, values + place) - rate * m / root);
    }
  }

  @Override
  public void adamRounded(
      long values,
      long firsts,
      long seconds,
      int width,
      float[] gradient,
      float decay1,
      float decay2,
      AdamRows.Factors factors,
      int rowKey) {
    float gain1 = factors.gain1();
    float gain2 = factors.gain2();
    float rate = factors.rate();
    float correction = factors.correction();
    float epsilon = factors.epsilon();
    int i = 0;
    for (; i <= width - LANES; i += LANES) {
      long place = (long) i * Float.BYTES;
      long half = (long) i * Short.BYTES;
      FloatVector m = widen(ALL, firsts + half).mul(decay1);
      FloatVector v = widen(ALL, seconds + half).mul(decay2);
      if (gradient != null) {
        FloatVector g = FloatVector.fromArray(FLOATS, gradient, i);
        m = g.fma(FloatVector.broadcast(FLOATS, gain1), m);
        v = g.mul(gain2).fma(g, v);
      }
      m = m.blend(0f, m.abs().compare(VectorOperators.LT, VANISHING));
      v = v.blend(0f, v.compare(VectorOperators.LT, VANISHING));
      // StochasticRounding.bits, written out: no method here passes a vector to another.
      IntVector x =
          IntVector.fromArray(INTS, COLUMN_OFFSETS, 0)
              .add(i * StochasticRounding.COLUMN)
              .lanewise(VectorOperators.XOR, rowKey);
      x = x.lanewise(VectorOperators.XOR, x.lanewise(VectorOperators.LSHR, 16));
      x = x.mul(StochasticRounding.FIRST_FACTOR);
      x = x.lanewise(VectorOperators.XOR, x.lanewise(VectorOperators.LSHR, 15));
      x = x.mul(StochasticRounding.SECOND_FACTOR);
      x = x.lanewise(VectorOperators.XOR, x.lanewise(VectorOperators.LSHR, 16));
      ((ShortVector)
              m.reinterpretAsInts()
                  .add(x.lanewise(VectorOperators.LSHR, 16))
                  .lanewise(VectorOperators.LSHR, 16)
                  .convertShape(VectorOperators.I2S, SHORTS, 0))
          .intoMemorySegment(ALL, firsts + half, ORDER);
      ((ShortVector)
              v.reinterpretAsInts()
                  .add(x.and(0xffff))
                  .lanewise(VectorOperators.LSHR, 16)
                  .convertShape(VectorOperators.I2S, SHORTS, 0))
          .intoMemorySegment(ALL, seconds + half, ORDER);
      FloatVector root = v.sqrt().mul(correction).add(epsilon);
      // Not by a method of this class: so late in a long method the compiler no longer inlines one.
      FloatVector.fromMemorySegment(FLOATS, ALL, values + place, ORDER)
          .sub(m.mul(rate).div(root))
          .intoMemorySegment(ALL, values + place, ORDER);
    }
    for (; i < width; i++) {
      float g = gradient == null ? 0 : gradient[i];
      ScalarAdamKernel.roundedAt(values, firsts, seconds, i, g, decay1, decay2, factors, rowKey);
    }
  }

  private static FloatVector widen(MemorySegment memory, long at) {
    return ((IntVector)
            ShortVector.fromMemorySegment(SHORTS, memory, at, ORDER)
                .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
        .lanewise(VectorOperators.LSHL, Short.SIZE)
        .reinterpretAsFloats();
  }

  private static FloatVector load(MemorySegment memory, long at) {
    return FloatVector.fromMemorySegment(FLOATS, memory, at, ORDER);
  }
}

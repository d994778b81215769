package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.memory.DType;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Conversions agree with the JDK's scalar ones, element by element. */
class ElementsTest {
  private static final int ALL = 1 << 16;

  @Test
  void widensEveryFloat16() {
    MemorySegment wide = widen(DType.F16);
    for (int i = 0; i < ALL; i++) {
      float expected = Float.float16ToFloat((short) i);
      float actual = wide.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      if (Float.isNaN(expected)) {
        assertThat(actual).isNaN();
      } else {
        assertThat(Float.floatToRawIntBits(actual)).isEqualTo(Float.floatToRawIntBits(expected));
      }
    }
  }

  @Test
  void widensEveryBfloat16() {
    MemorySegment wide = widen(DType.BF16);
    for (int i = 0; i < ALL; i++) {
      assertThat(wide.getAtIndex(ValueLayout.JAVA_INT, i)).isEqualTo(i << 16);
    }
  }

  @Test
  void narrowsToTheNearestWithTiesToEven() {
    long seed = Seeds.seed();
    Random random = new Random(seed);
    int count = 100_003;
    MemorySegment source = Arena.ofAuto().allocate(4L * count, 64);
    for (int i = 0; i < count; i++) {
      // Any bits, or bits near a tie.
      int bits = random.nextInt();
      source.setAtIndex(ValueLayout.JAVA_INT, i, i % 2 == 0 ? bits : bits & 0xffff8000);
    }
    MemorySegment target = Arena.ofAuto().allocate(2L * count, 64);
    Elements.narrow(source, 0, target, 0, DType.BF16, count);
    for (int i = 0; i < count; i++) {
      float value = source.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      float narrowed = Elements.get(target, DType.BF16, i);
      if (Float.isNaN(value)) {
        assertThat(narrowed).isNaN();
      } else {
        assertThat(narrowed).isEqualTo(nearestBfloat16(value));
      }
    }
    Elements.narrow(source, 0, target, 0, DType.F16, count);
    for (int i = 0; i < count; i++) {
      short expected = Float.floatToFloat16(source.getAtIndex(ValueLayout.JAVA_FLOAT, i));
      assertThat(target.getAtIndex(ValueLayout.JAVA_SHORT, i)).isEqualTo(expected);
    }
  }

  @Test
  void findsTheFirstNonFiniteElementWherever() {
    for (DType dtype : new DType[] {DType.F32, DType.F16, DType.BF16}) {
      int count = 150;
      MemorySegment memory = Arena.ofAuto().allocate((long) count * dtype.bytes(), 64);
      put(memory, dtype, 3, -Float.MAX_VALUE);
      assertThat(Elements.firstNonFinite(memory, dtype)).isEqualTo(dtype == DType.F32 ? -1 : 3);
      put(memory, dtype, 3, -65504f);
      for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY}) {
        for (int at = 0; at < count; at++) {
          put(memory, dtype, at, bad);
          put(memory, dtype, count - 1, bad);
          assertThat(Elements.firstNonFinite(memory, dtype)).isEqualTo(at);
          put(memory, dtype, at, 1f);
          put(memory, dtype, count - 1, 1f);
        }
      }
      assertThat(Elements.firstNonFinite(memory, dtype)).isEqualTo(-1);
    }
  }

  private static void put(MemorySegment memory, DType dtype, int index, float value) {
    MemorySegment one = MemorySegment.ofArray(new float[] {value});
    Elements.narrow(one, 0, memory, (long) index * dtype.bytes(), dtype, 1);
  }

  private static MemorySegment widen(DType from) {
    MemorySegment narrow = Arena.ofAuto().allocate(2L * ALL, 64);
    for (int i = 0; i < ALL; i++) {
      narrow.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) i);
    }
    MemorySegment wide = Arena.ofAuto().allocate(4L * ALL, 64);
    // An odd start and lengths exercise the vector loop and its rest alike.
    Elements.widen(narrow, 0, from, wide, 0, 7);
    Elements.widen(narrow, 14, from, wide, 28, ALL - 7);
    return wide;
  }

  private static float nearestBfloat16(float value) {
    float below = Float.intBitsToFloat(Float.floatToRawIntBits(value) & 0xffff0000);
    int next = (Float.floatToRawIntBits(value) & 0xffff0000) + 0x10000;
    double distanceBelow = Math.abs((double) value - below);
    // Beyond the largest bfloat16 the next step stands for infinity.
    double away = Float.intBitsToFloat(next);
    if (Double.isInfinite(away)) {
      away = Math.scalb(Math.copySign(1.0, value), 128);
    }
    double distanceAbove = Math.abs(away - value);
    boolean up =
        distanceAbove < distanceBelow || distanceAbove == distanceBelow && (next >>> 16 & 1) == 0;
    return up ? Float.intBitsToFloat(next) : below;
  }
}

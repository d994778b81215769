package io.sluice.simd.adam;

import io.sluice.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The specification of {@link AdamKernel} in plain Java, used where the Vector API is absent. */
final class ScalarAdamKernel implements AdamKernel {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

  @Override
  public void adam(
      long value,
      long first,
      long second,
      int width,
      float[] gradient,
      float decay1,
      float decay2,
      AdamRows.Factors factors) {
    MemorySegment all = NativeMemory.ALL;
    for (int i = 0; i < width; i++) {
      long place = (long) i * Float.BYTES;
      float g = gradient == null ? 0 : gradient[i];
      float m = decay1 * all.get(FLOAT, first + place) + factors.gain1() * g;
      float v = decay2 * all.get(FLOAT, second + place) + factors.gain2() * g * g;
      m = Math.abs(m) < VANISHING ? 0 : m;
      v = v < VANISHING ? 0 : v;
      all.set(FLOAT, first + place, m);
      all.set(FLOAT, second + place, v);
      float root = (float) Math.sqrt(v) * factors.correction() + factors.epsilon();
      all.set(FLOAT, value + place, all.get(FLOAT, value + place) - factors.rate() * m / root);
    }
  }

  @Override
  public void adamRounded(
      long value,
      long first,
      long second,
      int width,
      float[] gradient,
      float decay1,
      float decay2,
      AdamRows.Factors factors,
      int rowKey) {
    for (int i = 0; i < width; i++) {
      float g = gradient == null ? 0 : gradient[i];
      roundedAt(value, first, second, i, g, decay1, decay2, factors, rowKey);
    }
  }

  /** One element of {@link #adamRounded}. The fused sums are those of the vector kernel. */
  static void roundedAt(
      long value,
      long first,
      long second,
      int i,
      float g,
      float decay1,
      float decay2,
      AdamRows.Factors factors,
      int rowKey) {
    MemorySegment all = NativeMemory.ALL;
    long half = (long) i * Short.BYTES;
    long place = (long) i * Float.BYTES;
    float before1 = StochasticRounding.widen(all.get(SHORT, first + half));
    float before2 = StochasticRounding.widen(all.get(SHORT, second + half));
    float m = Math.fma(g, factors.gain1(), before1 * decay1);
    float v = Math.fma(g * factors.gain2(), g, before2 * decay2);
    m = Math.abs(m) < VANISHING ? 0 : m;
    v = v < VANISHING ? 0 : v;
    int bits = StochasticRounding.bits(rowKey, i);
    all.set(SHORT, first + half, StochasticRounding.first(m, bits));
    all.set(SHORT, second + half, StochasticRounding.second(v, bits));
    float root = (float) Math.sqrt(v) * factors.correction() + factors.epsilon();
    all.set(FLOAT, value + place, all.get(FLOAT, value + place) - factors.rate() * m / root);
  }
}

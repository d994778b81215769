package io.sluice.simd.adam;

import io.sluice.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The specification of {@link AdamKernel} in plain Java, used where the Vector API is absent. */
final class ScalarAdamKernel implements AdamKernel {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

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
}

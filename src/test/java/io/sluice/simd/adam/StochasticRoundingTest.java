package io.sluice.simd.adam;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.memory.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StochasticRoundingTest {
  private static final int DRAWS = 1 << 20;

  @ParameterizedTest
  @ValueSource(floats = {1.0001f, -1.0001f, 0.9999f, -3.14159f, 1e-20f, 2.5e-7f, 0.0039f})
  void theMeanOfManyRoundingsIsTheNumber(float number) {
    double first = 0;
    double second = 0;
    for (int i = 0; i < DRAWS; i++) {
      int key = StochasticRounding.rowKey(StochasticRounding.stepKey(1 + i / 65536, 0), i / 256);
      int bits = StochasticRounding.bits(key, i % 256);
      first += StochasticRounding.widen(StochasticRounding.first(number, bits));
      second += StochasticRounding.widen(StochasticRounding.second(number, bits));
    }
    // Neighbours are at most 2^-7 of the number apart, so a mean of 2^20 deviates by at most
    // 2^-7 / 2 / 2^10 of it; five times that.
    double tolerance = Math.abs(number) * 5 * 0x1p-18;
    assertThat(first / DRAWS).isCloseTo(number, within(tolerance));
    assertThat(second / DRAWS).isCloseTo(number, within(tolerance));
  }

  @ParameterizedTest
  @ValueSource(floats = {0f, 1f, -1f, 0.5f, 0x1.02p-99f, Float.POSITIVE_INFINITY})
  void numbersThatBfloat16HasStay(float number) {
    for (int i = 0; i < 1000; i++) {
      int bits = StochasticRounding.hash(i);
      assertThat(StochasticRounding.widen(StochasticRounding.first(number, bits)))
          .isEqualTo(number);
      assertThat(StochasticRounding.widen(StochasticRounding.second(number, bits)))
          .isEqualTo(number);
    }
  }

  @Test
  void bitsOfStepsMatricesRowsAndColumnsDiffer() {
    BitSet low = new BitSet();
    BitSet high = new BitSet();
    int count = 0;
    for (long step : new long[] {1, 2, 1L << 32, (1L << 32) + 1}) {
      for (int matrix = 0; matrix < 2; matrix++) {
        for (int row = 0; row < 64; row++) {
          int key = StochasticRounding.rowKey(StochasticRounding.stepKey(step, matrix), row);
          for (int column = 0; column < 128; column++) {
            int bits = StochasticRounding.bits(key, column);
            low.set(bits & 0xffff);
            high.set(bits >>> 16);
            count++;
          }
        }
      }
    }
    // As many draws as values: of random ones 1 - 1/e occur.
    assertThat(count).isEqualTo(65536);
    assertThat(low.cardinality() / 65536.0).isCloseTo(1 - Math.exp(-1), within(0.01));
    assertThat(high.cardinality() / 65536.0).isCloseTo(1 - Math.exp(-1), within(0.01));
  }

  /** The second moment of a constant gradient rises to its square; rounded to nearest it stalls. */
  @Tag("slow")
  @Test
  void theSecondMomentDoesNotStall() {
    int width = 512;
    int steps = 6000;
    float[] gradient = new float[width];
    java.util.Arrays.fill(gradient, 1f);
    float nearest = 0;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(width * 4L, 64);
      MemorySegment first = arena.allocate(width * 2L, 64);
      MemorySegment second = arena.allocate(width * 2L, 64);
      AdamRows rows = new AdamRows(value, first, second, 1, width, DType.BF16, 0);
      for (int step = 1; step <= steps; step++) {
        AdamRows.Factors factors = new AdamRows.Factors(0.1f, 1e-3f, 0, 1, 1e-8f, step);
        AdamRows.during(session -> session.step(0, 0, gradient, 0.9f, 0.999f, factors), rows);
        int bits = Float.floatToRawIntBits(0.999f * nearest + 1e-3f);
        nearest = Float.intBitsToFloat(bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000);
      }
      double mean = 0;
      for (int i = 0; i < width; i++) {
        mean += DType.BF16.readFloat32(second, 2L * i) / width;
      }
      double exact = 1 - Math.pow(0.999, steps);
      assertThat(exact).isGreaterThan(0.997);
      assertThat(mean).isCloseTo(exact, within(0.003));
      assertThat(nearest).isLessThan(0.8f);
      assertThat(first.get(ValueLayout.JAVA_SHORT, 0)).isNotZero();
    }
  }
}

package io.sluice.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Products of two bfloat16 parts keep their bound, from many threads at a time. */
@Tag("model")
class SplitMatrixTest {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final long SEED = Seeds.seed();

  @BeforeAll
  static void needsMkl() {
    assumeTrue(SplitMatrix.isAvailable(), "this LibTorch multiplies no bfloat16 by MKL");
  }

  @Test
  void productsKeepTheirBound() {
    Random random = new Random(SEED);
    long[] seeds = random.longs(40).toArray();
    IntStream.range(0, seeds.length).parallel().forEach(i -> compare(new Random(seeds[i])));
  }

  private static void compare(Random random) {
    int rows = random.nextInt(70);
    int in = 1 + random.nextInt(90);
    int out = 1 + random.nextInt(90);
    boolean transposed = random.nextBoolean();
    boolean add = random.nextBoolean();
    int yStride = out + random.nextInt(4);
    float[] x = floats(random, rows * in);
    float[] w = floats(random, out * in);
    float[] before = floats(random, (rows + 1) * yStride);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment left = arena.allocate(4L * Math.max(1, x.length), 4);
      for (int i = 0; i < rows; i++) {
        for (int t = 0; t < in; t++) {
          put(left, 2L * i * in + t, in, x[i * in + t]);
        }
      }
      MemorySegment right = arena.allocate(4L * w.length, 4);
      for (int j = 0; j < out; j++) {
        for (int t = 0; t < in; t++) {
          long low = transposed ? (long) t * out + j : 2L * j * in + t;
          long high = low + (transposed ? (long) in * out : in);
          put(right, high, low - high, w[j * in + t]);
        }
      }
      MemorySegment y = arena.allocateFrom(FLOAT, before);
      SplitMatrix matrix = new SplitMatrix(right, out, in, transposed);
      matrix.multiply(left, rows, y, yStride, add, random.nextBoolean());
      for (int i = 0; i <= rows; i++) {
        for (int j = 0; j < yStride; j++) {
          boolean written = i < rows && j < out;
          double sum = written && !add ? 0 : before[i * yStride + j];
          double magnitude = Math.abs(sum);
          for (int t = 0; written && t < in; t++) {
            double product = (double) x[i * in + t] * w[j * in + t];
            sum += product;
            magnitude += Math.abs(product);
          }
          // 2⁻¹⁵ by the parts, and a little for up to 270 sums in float32.
          double bound = magnitude * (1.0 / (1 << 15) + 3e-5);
          assertThat((double) y.get(FLOAT, 4L * (i * yStride + j))).isCloseTo(sum, within(bound));
        }
      }
      MemorySegment row = arena.allocate(4L * in, 4);
      matrix.row(out - 1, row);
      for (int t = 0; t < in; t++) {
        float weight = w[(out - 1) * in + t];
        assertThat(row.get(FLOAT, 4L * t))
            .isCloseTo(weight, within(Math.abs(weight) / (1 << 17) + Float.MIN_NORMAL));
      }
    }
  }

  @Test
  void refusesMemoryThatIsNotThere() {
    Arena arena = Arena.ofShared();
    MemorySegment twelve = arena.allocate(4 * 12, 4);
    MemorySegment heap = MemorySegment.ofArray(new short[24]);
    assertThatThrownBy(() -> new SplitMatrix(twelve, 4, 4, false))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> new SplitMatrix(heap, 4, 3, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("heap");
    assertThatThrownBy(() -> new SplitMatrix(twelve, 0, 3, false))
        .isInstanceOf(IllegalArgumentException.class);
    SplitMatrix matrix = new SplitMatrix(twelve, 4, 3, true);
    assertThatThrownBy(() -> matrix.multiply(twelve, 5, twelve, 4, false, true))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> matrix.multiply(twelve, 4, twelve, 4, false, true))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> matrix.multiply(twelve, 2, twelve, 3, false, true))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> matrix.row(4, twelve)).isInstanceOf(IndexOutOfBoundsException.class);
    arena.close();
    try (Arena other = Arena.ofShared()) {
      MemorySegment alive = other.allocate(4 * 12, 4);
      assertThatThrownBy(() -> matrix.multiply(alive, 1, alive, 4, false, true))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  /** The nearest bfloat16 at {@code high}, and that of the rest {@code lowAfter} values later. */
  private static void put(MemorySegment memory, long high, long lowAfter, float value) {
    float nearest = nearest(value);
    memory.set(SHORT, 2 * high, (short) (Float.floatToRawIntBits(nearest) >>> 16));
    float rest = nearest(value - nearest);
    memory.set(SHORT, 2 * (high + lowAfter), (short) (Float.floatToRawIntBits(rest) >>> 16));
  }

  private static float nearest(float value) {
    int bits = Float.floatToRawIntBits(value);
    return Float.intBitsToFloat(bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000);
  }

  private static float[] floats(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }
}

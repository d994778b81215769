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

/** Products by the BLAS under LibTorch agree with sums in float64, from many threads at a time. */
@Tag("model")
class WeightMatrixTest {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final long SEED = Seeds.seed();

  @BeforeAll
  static void needsABlasThatCanBeCalled() {
    assumeTrue(WeightMatrix.isAvailable(), "this LibTorch exports no sgemm_");
  }

  @Test
  void multipliesRowsWhereTheyLie() {
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
    int xStride = in + random.nextInt(4);
    int yStride = out + random.nextInt(4);
    int stride = (transposed ? out : in) + random.nextInt(4);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment x = floats(arena, random, (rows + 1) * xStride);
      MemorySegment w = floats(arena, random, (transposed ? in : out) * stride);
      MemorySegment y = floats(arena, random, (rows + 1) * yStride);
      float[] before = y.toArray(FLOAT);
      new WeightMatrix(w, out, in, stride, transposed)
          .multiply(x, xStride, rows, y, yStride, add, random.nextBoolean());
      for (int i = 0; i < rows + 1; i++) {
        for (int j = 0; j < yStride; j++) {
          boolean written = i < rows && j < out;
          double sum = written && !add ? 0 : before[i * yStride + j];
          for (int t = 0; written && t < in; t++) {
            sum +=
                (double) at(x, i * xStride + t)
                    * at(w, transposed ? t * stride + j : j * stride + t);
          }
          // Ninety products of numbers below 1 lose some roundings of 6e-8 of their sum.
          assertThat((double) at(y, i * yStride + j)).isCloseTo(sum, within(1e-4));
        }
      }
    }
  }

  @Test
  void refusesMemoryThatIsNotThere() {
    Arena arena = Arena.ofShared();
    MemorySegment twelve = arena.allocate(4 * 12, 4);
    MemorySegment heap = MemorySegment.ofArray(new float[12]);
    assertThatThrownBy(() -> WeightMatrix.of(twelve, 4, 4, false))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> WeightMatrix.of(heap, 4, 3, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("heap");
    assertThatThrownBy(() -> WeightMatrix.of(twelve, 0, 3, false))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new WeightMatrix(twelve, 4, 3, 2, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("rows of 3 values every 2");
    WeightMatrix matrix = WeightMatrix.of(twelve, 4, 3, false);
    assertThatThrownBy(() -> matrix.multiply(twelve, 3, 5, twelve, 4, false, true))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> matrix.multiply(twelve, 3, 4, twelve, 4, false, true))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> matrix.multiply(heap, 3, 1, twelve, 4, false, true))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> matrix.multiply(twelve, 3, -1, twelve, 4, false, true))
        .isInstanceOf(IllegalArgumentException.class);
    arena.close();
    try (Arena other = Arena.ofShared()) {
      MemorySegment alive = other.allocate(4 * 12, 4);
      assertThatThrownBy(() -> matrix.multiply(alive, 3, 1, alive, 4, false, true))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  private static MemorySegment floats(Arena arena, Random random, int count) {
    MemorySegment memory = arena.allocate(4L * count, 4);
    for (int i = 0; i < count; i++) {
      memory.set(FLOAT, 4L * i, random.nextFloat() - 0.5f);
    }
    return memory;
  }

  private static float at(MemorySegment memory, int index) {
    return memory.get(FLOAT, 4L * index);
  }
}

package io.sluice.simd.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.simd.Panels;
import io.sluice.simd.moments.MomentKernelsTest;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every vector width agrees with the scalar kernels, at odd sizes and alignments. */
class SparseKernelsTest {
  private static final long SEED = Seeds.seed();
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  static Stream<SparseKernels> widths() {
    return SparseKernels.everyWidth().stream();
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("widths")
  void packsAndMultipliesAsTheScalarKernelsDo(SparseKernels kernels) {
    Random random = new Random(SEED);
    SparseKernels scalar = new ScalarSparseKernels(kernels.panelWidth());
    int lanes = kernels.panelWidth();
    try (Arena arena = Arena.ofConfined()) {
      for (int trial = 0; trial < 60; trial++) {
        int width = 1 + random.nextInt(90);
        int count = 1 + random.nextInt(lanes);
        float[] tokens = floats(random, count * width);
        int offset = random.nextInt(5);
        MemorySegment panel = Panels.allocate(offset + width * lanes);
        MemorySegment same = Panels.allocate(offset + width * lanes);
        kernels.packTokens(tokens, 0, count, width, panel, offset);
        scalar.packTokens(tokens, 0, count, width, same, offset);
        assertThat(MomentKernelsTest.floats(panel)).containsExactly(MomentKernelsTest.floats(same));
        float[] weights = floats(random, SparseKernels.TILE_FEATURES * width);
        float[] bias = floats(random, SparseKernels.TILE_FEATURES);
        float[] factors = floats(random, SparseKernels.TILE_FEATURES);
        for (int i = 0; i < factors.length; i++) {
          factors[i] = Math.abs(factors[i]);
        }
        float[] thresholds = new float[lanes + 3];
        java.util.Arrays.fill(thresholds, random.nextFloat() * (float) Math.sqrt(width) * 2);
        float[] out = new float[SparseKernels.TILE_FEATURES * lanes];
        float[] expected = out.clone();
        boolean any =
            kernels.encodeTile(weights, bias, factors, panel, offset, width, thresholds, 3, out);
        boolean wanted =
            scalar.encodeTile(
                weights, bias, factors, panel, offset, width, thresholds, 3, expected);
        assertThat(any).isEqualTo(wanted);
        if (any) {
          assertClose(out, expected);
          for (int i = 0; i < SparseKernels.TILE_FEATURES; i++) {
            assertThat(kernels.above(out, i * lanes, factors[i], thresholds, 3))
                .isEqualTo(scalar.above(out, i * lanes, factors[i], thresholds, 3));
          }
        }
      }
    }
  }

  /** Which of the two runs depends on the processor; a selection must not. */
  @Test
  void halvesOfATileAreTheBitsOfTheWhole() {
    SparseKernels whole = new VectorSparseKernels();
    Random random = new Random(SEED);
    int lanes = whole.panelWidth();
    boolean[] seen = new boolean[2];
    for (int trial = 0; trial < 300; trial++) {
      int width = 1 + random.nextInt(90);
      int offset = random.nextInt(5);
      MemorySegment panel = Panels.allocate(offset + width * lanes);
      float[] tokens = floats(random, lanes * width);
      whole.packTokens(tokens, 0, lanes, width, panel, offset);
      float[] weights = floats(random, SparseKernels.TILE_FEATURES * width);
      float[] bias = floats(random, SparseKernels.TILE_FEATURES);
      float[] factors = floats(random, SparseKernels.TILE_FEATURES);
      float[] thresholds = floats(random, lanes + 3);
      float above = random.nextFloat() * (float) Math.sqrt(width) * 8;
      for (int i = 0; i < thresholds.length; i++) {
        thresholds[i] += above;
      }
      float[] out = new float[SparseKernels.TILE_FEATURES * lanes];
      float[] expected = out.clone();
      boolean any =
          VectorSparseKernels.encodeHalves(
              weights, bias, factors, panel, offset, width, thresholds, 3, out);
      boolean wanted =
          whole.encodeTile(weights, bias, factors, panel, offset, width, thresholds, 3, expected);
      assertThat(any).isEqualTo(wanted);
      seen[wanted ? 1 : 0] = true;
      if (wanted) {
        assertThat(out).containsExactly(expected);
      }
    }
    assertThat(seen).containsOnly(true);
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("widths")
  void sumsAndProductsOfRowsAgree(SparseKernels kernels) {
    Random random = new Random(SEED);
    SparseKernels scalar = new ScalarSparseKernels(kernels.panelWidth());
    try (Arena arena = Arena.ofConfined()) {
      for (int trial = 0; trial < 60; trial++) {
        int width = 1 + random.nextInt(200);
        int rows = 1 + random.nextInt(12);
        float[] values = floats(random, rows * width);
        MemorySegment table = unaligned(arena, values);
        int entries = random.nextInt(9);
        int[] chosen = random.ints(entries + 2, 0, rows).toArray();
        float[] weights = floats(random, entries + 2);
        float[] start = floats(random, width);
        float[] actual = new float[width + 2];
        float[] expected = new float[width + 2];
        kernels.sumRows(table, width, chosen, weights, 1, 1 + entries, start, actual, 2);
        scalar.sumRows(table, width, chosen, weights, 1, 1 + entries, start, expected, 2);
        assertClose(actual, expected);
        kernels.sumRows(values, width, chosen, weights, 1, 1 + entries, actual);
        scalar.sumRows(values, width, chosen, weights, 1, 1 + entries, expected);
        assertClose(actual, expected);
        float[] products = new float[entries + 2];
        float[] wanted = new float[entries + 2];
        kernels.dotRows(table, width, chosen, 1, 1 + entries, start, 0, products);
        scalar.dotRows(table, width, chosen, 1, 1 + entries, start, 0, wanted);
        assertClose(products, wanted);
        double[] squares = new double[rows];
        double[] expectedSquares = new double[rows];
        kernels.squareRows(table, width, 0, rows, squares);
        scalar.squareRows(table, width, 0, rows, expectedSquares);
        assertThat(squares).containsExactly(expectedSquares, within(1e-3));
        float[] vectors = floats(random, rows * width);
        int[] which = random.ints(entries, 0, rows).toArray();
        kernels.dotVectors(table, width, rows - 1, vectors, which, 0, entries, products);
        scalar.dotVectors(table, width, rows - 1, vectors, which, 0, entries, wanted);
        assertClose(products, wanted);
        kernels.addRow(table, width, rows - 1, 0.7f, actual);
        scalar.addRow(table, width, rows - 1, 0.7f, expected);
        assertClose(actual, expected);
      }
    }
  }

  private static MemorySegment unaligned(Arena arena, float[] values) {
    MemorySegment memory = arena.allocate(values.length * 4L + 4, 64).asSlice(4);
    return memory.copyFrom(MemorySegment.ofArray(values));
  }

  private static float[] floats(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** Sums of at most 200 products of numbers near 1 in another order. */
  private static void assertClose(float[] actual, float[] expected) {
    assertThat(actual).containsExactly(expected, within(5e-5f));
  }
}

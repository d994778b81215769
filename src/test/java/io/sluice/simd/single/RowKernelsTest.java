package io.sluice.simd.single;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.memory.HugeMemory;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every vector width and format agrees with the scalar kernels, and every method with the others.
 */
class RowKernelsTest {
  private static final long SEED = Seeds.seed();

  static Stream<Arguments> kernels() {
    return Stream.of(RowFormat.values())
        .flatMap(
            format ->
                RowKernels.everyWidth(format).stream()
                    .map(kernels -> Arguments.of(format, kernels)));
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("kernels")
  void agreeWithTheScalarKernels(RowFormat format, RowKernels kernels) {
    Random random = new Random(SEED);
    RowKernels scalar = new ScalarRowKernels(format);
    float[] sums = new float[RowKernels.SUMS];
    for (int trial = 0; trial < 40; trial++) {
      int width = 1 + random.nextInt(trial % 4 == 0 ? 900 : 70);
      int rows = 1 + random.nextInt(60);
      PackedRows packed = packed(random, rows, width, format);
      int padded = packed.paddedWidth;
      int at = random.nextInt(5);
      float[] x = new float[at + 4 * padded];
      for (int v = 0; v < 4; v++) {
        for (int i = 0; i < width; i++) {
          x[at + v * padded + i] = (float) random.nextGaussian();
        }
      }
      long jump = packed.streamRows * packed.stride;
      int count = packed.streamRows;
      RowKernels.Tile tile = new RowKernels.Tile(jump, packed.stride).at(0, count);
      int results = count * RowKernels.STREAMS;
      int apart = results + RowKernels.SLACK;
      float[] fast = new float[4 * apart];
      float[] plain = new float[4 * apart];
      for (int v = 0; v < 4; v++) {
        float[] out = new float[apart];
        kernels.one(packed.memory, tile, padded, x, at + v * padded, sums, out);
        System.arraycopy(out, 0, fast, v * apart, results);
        scalar.one(packed.memory, tile, padded, x, at + v * padded, sums, out);
        System.arraycopy(out, 0, plain, v * apart, results);
      }
      double scale = format == RowFormat.I8 ? 127 : 1;
      for (int i = 0; i < fast.length; i++) {
        assertThat((double) fast[i]).isCloseTo(plain[i], within(1e-4 * scale * Math.sqrt(width)));
      }
      float[] four = new float[4 * apart];
      int[] starts = {at, at + padded, at + 2 * padded, at + 3 * padded};
      kernels.four(packed.memory, tile, padded, x, starts, sums, four, 0, apart);
      for (int v = 0; v < 4; v++) {
        assertThat(Arrays.copyOfRange(four, v * apart, v * apart + results))
            .containsExactly(Arrays.copyOfRange(fast, v * apart, v * apart + results));
      }
      long[] offsets = new long[RowKernels.STREAMS];
      float[] expected = new float[RowKernels.STREAMS];
      for (int j = 0; j < offsets.length; j++) {
        int row = random.nextInt(rows);
        offsets[j] = row * packed.stride;
        expected[j] = fast[row % packed.streamRows * RowKernels.STREAMS + row / packed.streamRows];
      }
      float[] out = new float[RowKernels.STREAMS + RowKernels.SLACK];
      kernels.scattered(packed.memory, offsets, padded, x, at, sums, out);
      assertThat(Arrays.copyOf(out, RowKernels.STREAMS)).containsExactly(expected);
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void findTheSamePlacesAsTheScalarKernels(RowFormat format, RowKernels kernels) {
    Random random = new Random(SEED);
    RowKernels scalar = new ScalarRowKernels(format);
    for (int trial = 0; trial < 100; trial++) {
      int count = 8 * (1 + random.nextInt(8));
      int at = random.nextInt(5);
      int place = random.nextInt(9);
      int length = place + count + RowKernels.SLACK;
      float[][] arrays = new float[5][length];
      for (float[] array : arrays) {
        for (int i = 0; i < length; i++) {
          array[i] = random.nextInt(5) - 1;
        }
      }
      arrays[1][place + random.nextInt(count)] = Float.NEGATIVE_INFINITY;
      RowKernels.Bounds bounds =
          new RowKernels.Bounds(arrays[0], arrays[1], arrays[2], arrays[3], arrays[4]);
      float[] results = new float[at + count + RowKernels.SLACK];
      for (int i = 0; i < results.length; i++) {
        results[i] = random.nextInt(7) - 3;
      }
      assertThat(kernels.reaching(results, at, bounds, place, count, 2, 3))
          .isEqualTo(scalar.reaching(results, at, bounds, place, count, 2, 3));
    }
  }

  @Test
  void packingKeepsNoMoreThanTheFormatHolds() {
    float[] values = {1, -2.5f, 3, 0, 0, 0, 1e-38f, -1e-38f, 0, Float.MAX_VALUE, 1, -1};
    MemorySegment memory = MemorySegment.ofArray(values);
    PackedRows exact = PackedRows.of(memory, 4, 3, RowFormat.F32);
    assertThat(exact.residuals).containsOnly(0);
    assertThat(exact.memory.address() % 64).isZero();
    PackedRows half = PackedRows.of(memory, 4, 3, RowFormat.BF16);
    assertThat(half.residuals[0]).isZero();
    assertThat(half.residuals[3]).isLessThan(Float.MAX_VALUE / 200.0);
    PackedRows bytes = PackedRows.of(memory, 4, 3, RowFormat.I8);
    assertThat(bytes.residuals[0]).isBetween(0.0, bytes.scales[0] * 0.5 * Math.sqrt(3));
    assertThat(bytes.residuals[1]).isZero();
    assertThat(bytes.residuals[2]).isBetween(1.4e-38, 1.5e-38);
  }

  @Test
  void largeMemoryIsZeroAndAlignedAndWritable() {
    long bytes = (5 << 20) + 64;
    MemorySegment memory = HugeMemory.allocate(bytes, Arena.ofAuto());
    assertThat(memory.byteSize()).isEqualTo(bytes);
    assertThat(memory.address() % 64).isZero();
    assertThat(memory.mismatch(Arena.ofAuto().allocate(bytes))).isEqualTo(-1);
    memory.fill((byte) 1);
  }

  private static PackedRows packed(Random random, int rows, int width, RowFormat format) {
    float[] values = new float[rows * width];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return PackedRows.of(MemorySegment.ofArray(values), rows, width, format);
  }
}

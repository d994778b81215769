package io.sluice.simd.moments;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.simd.Panels;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every vector width agrees with the scalar kernels of the same panel width. */
public class MomentKernelsTest {
  private static final long SEED = Seeds.seed();

  static Stream<MomentKernels> widths() {
    return MomentKernels.everyWidth().stream();
  }

  @Test
  void everyWidthUpToThePreferredOneIsDefined() {
    assertThat(widths().map(MomentKernels::name)).contains("vector-128").doesNotHaveDuplicates();
    assertThat(widths().map(k -> k.panelWidth() % MomentKernels.TILE_ROWS)).containsOnly(0);
  }

  @ParameterizedTest
  @MethodSource("widths")
  void packsColumnsAsTheScalarKernelsDo(MomentKernels kernels) {
    Random random = new Random(SEED);
    MomentKernels scalar = new ScalarMomentKernels(kernels.panelWidth());
    for (int trial = 0; trial < 60; trial++) {
      Rows rows = randomRows(random, 1 + random.nextInt(9), 1 + random.nextInt(70));
      int width = kernels.panelWidth();
      int panels = (rows.width() + width - 1) / width;
      float[] shift = new float[panels * width];
      for (int j = 0; j < rows.width(); j++) {
        shift[j] = random.nextFloat();
      }
      int first = random.nextInt(rows.count());
      int count = random.nextInt(rows.count() - first + 1);
      int column = random.nextInt(panels) * width;
      MemorySegment expected = Panels.allocate(count * width + 5);
      MemorySegment actual = Panels.allocate(count * width + 5);
      scalar.packColumns(rows, first, count, column, shift, expected, 3);
      kernels.packColumns(rows, first, count, column, shift, actual, 3);
      assertThat(floats(actual)).containsExactly(floats(expected));
    }
  }

  @ParameterizedTest
  @MethodSource("widths")
  void saysWhetherPackedValuesAreFinite(MomentKernels kernels) {
    int width = kernels.panelWidth();
    for (MomentKernels each : new MomentKernels[] {kernels, new ScalarMomentKernels(width)}) {
      for (int columns : new int[] {width, width - 3}) {
        for (int bad = 0; bad < 4 * columns; bad++) {
          float[] x = new float[4 * columns];
          Rows rows = new Rows(MemorySegment.ofArray(x), DType.F32, 4, columns);
          MemorySegment panel = Panels.allocate(4 * width);
          x[bad] = Float.MAX_VALUE;
          assertThat(each.packColumns(rows, 0, 4, 0, new float[width], panel, 0)).isTrue();
          for (float value : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
            x[bad] = value;
            assertThat(each.packColumns(rows, 0, 4, 0, new float[width], panel, 0)).isFalse();
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("widths")
  void widensEveryHalfPrecisionValueExactly(MomentKernels kernels) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment all = arena.allocate(2 << 16);
      for (int i = 0; i < 1 << 16; i++) {
        all.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) i);
      }
      MemorySegment packed = Panels.allocate(1 << 16);
      for (DType dtype : List.of(DType.F16, DType.BF16)) {
        int width = kernels.panelWidth();
        Rows rows = new Rows(all, dtype, (1 << 16) / width, width);
        kernels.packColumns(rows, 0, rows.count(), 0, new float[width], packed, 0);
        float[] panel = floats(packed);
        for (int i = 0; i < panel.length; i++) {
          float expected = dtype.readFloat32(all, 2L * i);
          assertThat(Float.isNaN(panel[i])).isEqualTo(Float.isNaN(expected));
          if (!Float.isNaN(expected)) {
            assertThat(panel[i]).isEqualTo(expected);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("widths")
  void sumsColumnsAsTheScalarKernelsDo(MomentKernels kernels) {
    Random random = new Random(SEED);
    int width = kernels.panelWidth();
    for (int trial = 0; trial < 20; trial++) {
      int depth = random.nextInt(200);
      MemorySegment panel = panel(randomFloats(random, depth * width + 7));
      double[] expected = new double[width + 2];
      double[] actual = new double[width + 2];
      new ScalarMomentKernels(width).columnSums(panel, 7, depth, expected, 1);
      kernels.columnSums(panel, 7, depth, actual, 1);
      assertThat(actual).containsExactly(expected);
    }
  }

  @ParameterizedTest
  @MethodSource("widths")
  void multipliesTilesAsTheScalarKernelsDo(MomentKernels kernels) {
    Random random = new Random(SEED);
    int width = kernels.panelWidth();
    for (int trial = 0; trial < 50; trial++) {
      int depth = random.nextInt(300);
      int a0 = random.nextInt(20);
      int b0 = random.nextInt(20);
      int column = MomentKernels.TILE_ROWS * random.nextInt(width / MomentKernels.TILE_ROWS);
      MemorySegment a = panel(randomFloats(random, a0 + depth * width));
      MemorySegment b = panel(randomFloats(random, b0 + depth * width));
      float[] expected = randomFloats(random, MomentKernels.TILE_ROWS * width + 3);
      float[] actual = expected.clone();
      new ScalarMomentKernels(width).tile(a, a0 + column, b, b0, depth, expected, 1);
      kernels.tile(a, a0 + column, b, b0, depth, actual, 1);
      for (int i = 0; i < actual.length; i++) {
        assertThat((double) actual[i])
            .isCloseTo(expected[i], org.assertj.core.data.Offset.offset(1e-6 * (depth + 10)));
      }
    }
  }

  private static Rows randomRows(Random random, int count, int width) {
    DType dtype = List.of(DType.F32, DType.F16, DType.BF16).get(random.nextInt(3));
    int skip = random.nextInt(8);
    byte[] bytes = new byte[skip + count * width * dtype.bytes()];
    MemorySegment memory = MemorySegment.ofArray(bytes);
    if (random.nextBoolean()) {
      memory = Arena.ofAuto().allocate(bytes.length);
    }
    memory = memory.asSlice(skip);
    for (long i = 0; i < (long) count * width; i++) {
      float value = (float) random.nextGaussian();
      switch (dtype) {
        case F32 -> memory.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * i, value);
        case F16 ->
            memory.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2 * i, Float.floatToFloat16(value));
        case BF16 ->
            memory.set(
                ValueLayout.JAVA_SHORT_UNALIGNED,
                2 * i,
                (short) (Float.floatToRawIntBits(value) >>> 16));
        default -> throw new AssertionError(dtype);
      }
    }
    return new Rows(memory, dtype, count, width);
  }

  private static float[] randomFloats(Random random, int n) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  static MemorySegment panel(float[] values) {
    MemorySegment panel = Panels.allocate(values.length);
    MemorySegment.copy(values, 0, panel, Panels.FLOAT, 0, values.length);
    return panel;
  }

  public static float[] floats(MemorySegment panel) {
    return panel.toArray(Panels.FLOAT);
  }
}

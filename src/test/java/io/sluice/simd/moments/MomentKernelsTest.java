package io.sluice.simd.moments;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.simd.Panels;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
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
    assertThat(widths().map(k -> k.panelWidth() % k.tileRows())).containsOnly(0);
  }

  @ParameterizedTest
  @MethodSource("widths")
  void packsRowsAsTheScalarKernelsDo(MomentKernels kernels) {
    Random random = new Random(SEED);
    for (int trial = 0; trial < 60; trial++) {
      Rows rows = randomRows(random, 1 + random.nextInt(9), 1 + random.nextInt(100));
      int panels = Math.ceilDiv(rows.width(), kernels.panelWidth());
      float[] shift = randomFloats(random, rows.width());
      int row = random.nextInt(rows.count());
      int distance = kernels.panelWidth() + random.nextInt(5);
      MemorySegment expected = panel(randomFloats(random, panels * distance + 3));
      MemorySegment actual = panel(floats(expected));
      scalar(kernels).packRow(rows, row, shift, expected.address() + 12, 4L * distance);
      kernels.packRow(rows, row, shift, actual.address() + 12, 4L * distance);
      assertThat(floats(actual)).containsExactly(floats(expected));
    }
  }

  @ParameterizedTest
  @MethodSource("widths")
  void saysWhetherPackedValuesAreFinite(MomentKernels kernels) {
    int width = kernels.panelWidth();
    for (MomentKernels each : new MomentKernels[] {kernels, scalar(kernels)}) {
      for (int columns : new int[] {width, 2 * width, width - 3}) {
        for (int bad = 0; bad < 4 * columns; bad++) {
          float[] x = new float[4 * columns];
          Rows rows = new Rows(MemorySegment.ofArray(x), DType.F32, 4, columns);
          MemorySegment panels = Panels.allocate(2 * width);
          float[] shift = new float[columns];
          long bytes = 4L * width;
          for (float value : new float[] {Float.MAX_VALUE, Float.NaN, Float.NEGATIVE_INFINITY}) {
            x[bad] = value;
            for (int row = 0; row < 4; row++) {
              assertThat(each.packRow(rows, row, shift, panels.address(), bytes))
                  .isEqualTo(row != bad / columns || Float.isFinite(value));
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("widths")
  void widensEveryHalfPrecisionValueExactly(MomentKernels kernels) {
    try (Arena arena = Arena.ofConfined()) {
      int width = kernels.panelWidth();
      int panels = Math.ceilDiv(1 << 16, width);
      MemorySegment all = arena.allocate(2L * panels * width);
      for (int i = 0; i < 1 << 16; i++) {
        all.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) i);
      }
      MemorySegment packed = Panels.allocate(panels * width);
      for (DType dtype : List.of(DType.F16, DType.BF16)) {
        Rows rows = new Rows(all, dtype, 1, panels * width);
        kernels.packRow(rows, 0, new float[panels * width], packed.address(), 4L * width);
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
      scalar(kernels).columnSums(panel.address() + 28, depth, expected, 1);
      kernels.columnSums(panel.address() + 28, depth, actual, 1);
      Reference.reachabilityFence(panel);
      assertThat(actual).containsExactly(expected);
    }
  }

  @ParameterizedTest
  @MethodSource("widths")
  void joinsToTheBitAsTheScalarKernelsDo(MomentKernels kernels) {
    Random random = new Random(SEED);
    int width = kernels.panelWidth();
    for (int trial = 0; trial < 20; trial++) {
      MemorySegment products = panel(randomFloats(random, width + 2));
      MemorySegment same = panel(floats(products));
      double[] sums = random.doubles(width + 3).toArray();
      double[] steps = random.doubles(width + 3).toArray();
      double[] expected = random.doubles(width + 5).toArray();
      double[] actual = expected.clone();
      double sum = random.nextGaussian();
      double step = random.nextGaussian();
      scalar(kernels).join(products.address() + 4, sum, sums, step, steps, 2, expected, 1);
      kernels.join(same.address() + 4, sum, sums, step, steps, 2, actual, 1);
      assertThat(actual).containsExactly(expected);
      assertThat(floats(same)).containsExactly(floats(products));
      assertThat(floats(same)[width]).isZero();
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
      int column = kernels.tileRows() * random.nextInt(width / kernels.tileRows());
      MemorySegment a = panel(randomFloats(random, a0 + depth * width));
      MemorySegment b = panel(randomFloats(random, b0 + depth * width));
      float[] before = randomFloats(random, kernels.tileRows() * width + 3);
      MemorySegment wanted = panel(before);
      MemorySegment got = panel(before);
      long left = a.address() + 4L * (a0 + column);
      long right = b.address() + 4L * b0;
      scalar(kernels).tile(left, right, depth, wanted.address() + 4);
      kernels.tile(left, right, depth, got.address() + 4);
      Reference.reachabilityFence(a);
      Reference.reachabilityFence(b);
      float[] expected = floats(wanted);
      float[] actual = floats(got);
      for (int i = 0; i < actual.length; i++) {
        assertThat((double) actual[i])
            .isCloseTo(expected[i], org.assertj.core.data.Offset.offset(1e-6 * (depth + 10)));
      }
    }
  }

  /** What may be left out is not looked at. */
  @ParameterizedTest
  @MethodSource("widths")
  void multipliesTilesOfTheDiagonal(MomentKernels kernels) {
    Random random = new Random(SEED);
    int width = kernels.panelWidth();
    for (int trial = 0; trial < 50; trial++) {
      int depth = random.nextInt(300);
      MemorySegment panel = panel(randomFloats(random, depth * width + 1));
      for (int first = 0; first < width; first += kernels.tileRows()) {
        float[] before = randomFloats(random, kernels.tileRows() * width + 1);
        MemorySegment wanted = panel(before);
        MemorySegment got = panel(before);
        long left = panel.address() + 4L * first;
        kernels.tile(left, panel.address(), depth, wanted.address());
        kernels.diagonalTile(left, panel.address(), first, depth, got.address());
        float[] expected = floats(wanted);
        float[] actual = floats(got);
        for (int i = 0; i < kernels.tileRows(); i++) {
          for (int j = first; j < width; j++) {
            assertThat(actual[i * width + j]).isEqualTo(expected[i * width + j]);
          }
        }
      }
      Reference.reachabilityFence(panel);
    }
  }

  private static MomentKernels scalar(MomentKernels like) {
    return new ScalarMomentKernels(like.panelWidth(), like.tileRows());
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

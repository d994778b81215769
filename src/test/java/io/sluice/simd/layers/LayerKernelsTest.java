package io.sluice.simd.layers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.Workers;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every vector width agrees with the definition, at odd sizes and alignments. Tolerances are
 * roundings of float32, about 1e-7 each, times the size of what was summed.
 */
class LayerKernelsTest {
  private static final long SEED = Seeds.seed();
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  static Stream<LayerKernels> widths() {
    return Stream.concat(
        LayerKernels.everyWidth().stream(), Stream.of(new ScalarLayerKernels(16, 6)));
  }

  @ParameterizedTest
  @MethodSource("widths")
  void computesFunctionsOfOneValue(LayerKernels kernels) {
    try (Arena arena = Arena.ofConfined()) {
      int count = 8001;
      MemorySegment scratch = arena.allocate(4L * count, 64);
      for (Nonlinearity function : Nonlinearity.values()) {
        float[] x = new float[count];
        for (int i = 0; i < count; i++) {
          x[i] = (i - 4000) / 200f;
        }
        x[0] = -100;
        x[1] = 100;
        x[2] = -1e30f;
        x[3] = 1e30f;
        MemorySegment values = memory(arena, x, 4);
        kernels.apply(function, values.address() + 4, 0, 1, count, scratch.address());
        MemorySegment gated = memory(arena, x, 8);
        kernels.multiply(gated.address() + 8, 0, values.address() + 4, 1, count);
        for (int i = 0; i < count; i++) {
          double exact = function.of(x[i]);
          double error = 4e-7 * Math.max(1, Math.abs(x[i]));
          assertThat((double) at(values, 4, i))
              .as(function + " of " + x[i])
              .isBetween(exact - error, exact + error);
          if (Math.abs(x[i]) < 1e10) {
            double product = exact * x[i];
            double more = error * Math.max(1, Math.abs(x[i]));
            assertThat((double) at(gated, 8, i)).isBetween(product - more, product + more);
          }
        }
        assertThat(values.get(FLOAT, 0)).isZero();
        // Row by row, with a gap that stays as it is.
        MemorySegment rows = memory(arena, x, 0);
        kernels.apply(function, rows.address(), 100, 3, 20, scratch.address());
        for (int i = 0; i < 100; i++) {
          boolean touched = i % 25 < 20 && i < 75;
          float expected = touched ? at(values, 4, i) : x[i];
          // Values in a row's tail are computed one by one, and round in another way.
          double error = touched ? 4e-7 * Math.max(1, Math.abs(x[i])) : 0;
          assertThat((double) at(rows, 0, i)).isBetween(expected - error, expected + error);
        }
        MemorySegment nan = memory(arena, new float[] {Float.NaN}, 0);
        kernels.apply(function, nan.address(), 0, 1, 1, scratch.address());
        assertThat(nan.get(FLOAT, 0)).isNaN();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("widths")
  void normalisesAddsAndWeighs(LayerKernels kernels) {
    Random random = new Random(SEED);
    ScalarLayerKernels definition = new ScalarLayerKernels(16, 6);
    try (Arena arena = Arena.ofConfined()) {
      for (int trial = 0; trial < 100; trial++) {
        int width = 1 + random.nextInt(100);
        float[] x = floats(random, width, 3);
        float[] weight = floats(random, width, 1);
        float[] bias = floats(random, width, 1);
        MemorySegment in = memory(arena, x, 12);
        MemorySegment out = memory(arena, new float[width], 4);
        MemorySegment exact = memory(arena, new float[width], 4);
        kernels.layerNorm(in.address() + 12, width, weight, bias, 1e-3f, out.address() + 4);
        definition.layerNorm(in.address() + 12, width, weight, bias, 1e-3f, exact.address() + 4);
        // A row of two values that are nearly the same loses digits to its mean.
        assertClose(out, exact, 4, width, 5e-4);
        kernels.rmsNorm(in.address() + 12, width, weight, 1e-3f, out.address() + 4);
        definition.rmsNorm(in.address() + 12, width, weight, 1e-3f, exact.address() + 4);
        assertClose(out, exact, 4, width, 2e-6);
        kernels.add(in.address() + 12, exact.address() + 4, out.address() + 4, width);
        definition.add(in.address() + 12, exact.address() + 4, exact.address() + 4, width);
        assertClose(out, exact, 4, width, 0);
        int pairs = width / 2;
        float[] sines = floats(random, 3 + pairs, 1);
        MemorySegment rotated = memory(arena, x, 12);
        kernels.rotate(rotated.address() + 12, pairs, weight, sines, 0);
        MemorySegment exactlyRotated = memory(arena, x, 12);
        definition.rotate(exactlyRotated.address() + 12, pairs, weight, sines, 0);
        assertClose(rotated, exactlyRotated, 12, width, 1e-6);
        float cap = trial % 2 == 0 ? 0 : 5;
        MemorySegment scores = memory(arena, x, 12);
        if (cap > 0) {
          definition.limit(in.address() + 12, width, 0.7f, cap);
          kernels.limit(scores.address() + 12, width, 0.7f, cap);
          assertClose(scores, in, 12, width, 2e-6);
        }
        definition.softmax(in.address() + 12, width, 0.7f);
        kernels.softmax(scores.address() + 12, width, 0.7f);
        assertClose(scores, in, 12, width, 2e-5);
        assertThat(scores.get(FLOAT, 8)).isZero();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("widths")
  void splitsIntoTheNearestBfloat16AndTheNearestOfTheRest(LayerKernels kernels) {
    Random random = new Random(SEED);
    float[] special = {
      0, -0f, 1, -1, 1.00390625f, 1.01171875f, Float.MIN_VALUE, -1e-40f, 3.3e38f, Float.NaN
    };
    // Ones of its payload alone would carry into the exponent.
    float oddNaN = Float.intBitsToFloat(0x7fffffff);
    try (Arena arena = Arena.ofConfined()) {
      for (int trial = 0; trial < 100; trial++) {
        int count = 1 + random.nextInt(100);
        float[] x = floats(random, count, 3);
        for (int i = 0; i < count; i++) {
          x[i] *= (float) Math.pow(2, random.nextInt(-60, 60));
          x[i] = random.nextInt(4) == 0 ? special[random.nextInt(special.length)] : x[i];
          x[i] = random.nextInt(40) == 0 ? oddNaN : x[i];
        }
        MemorySegment values = memory(arena, x, 4);
        MemorySegment parts = arena.allocate(4L * count + 2);
        kernels.split(values.address() + 4, count, parts.address(), parts.address() + 2L * count);
        for (int i = 0; i < count; i++) {
          float high = bfloat16(parts, i);
          float low = bfloat16(parts, count + i);
          if (Float.isNaN(x[i])) {
            assertThat(high).isNaN();
            assertThat(low).isNaN();
            continue;
          }
          assertNearest(high, x[i]);
          assertNearest(low, x[i] - high);
          assertThat(Math.abs((double) x[i] - high - low))
              .isLessThanOrEqualTo(Math.abs(x[i]) / (1 << 17) + Float.MIN_NORMAL);
        }
        assertThat(parts.get(ValueLayout.JAVA_SHORT_UNALIGNED, 4L * count)).isZero();
      }
    }
  }

  private static float bfloat16(MemorySegment memory, long index) {
    int bits = memory.get(ValueLayout.JAVA_SHORT_UNALIGNED, 2 * index) << 16;
    return Float.intBitsToFloat(bits);
  }

  /** No bfloat16 beside {@code found} is nearer to {@code value}, and of equal ones it is even. */
  private static void assertNearest(float found, float value) {
    int bits = Float.floatToRawIntBits(found);
    double distance = Math.abs((double) value - found);
    for (int step : new int[] {-0x10000, 0x10000}) {
      float beside = Float.intBitsToFloat(bits + step);
      double other = Math.abs((double) value - beside);
      if (!Float.isNaN(beside) && Math.signum(beside) * Math.signum(found) >= 0) {
        assertThat(distance).as("%s for %s", found, value).isLessThanOrEqualTo(other);
        assertThat(distance < other || (bits >>> 16 & 1) == 0).isTrue();
      }
    }
  }

  @Test
  void softmaxOfFarScoresIsFiniteAndOfNaNIsNaN() {
    for (LayerKernels kernels : widths().toList()) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment far = memory(arena, new float[] {3e38f, -3e38f, 3e38f}, 0);
        kernels.softmax(far.address(), 3, 1);
        assertThat(at(far, 0, 0)).isEqualTo(0.5f);
        assertThat(at(far, 0, 1)).isBetween(0f, 1e-37f);
        MemorySegment nan = memory(arena, new float[] {1, Float.NaN, 3}, 0);
        kernels.softmax(nan.address(), 3, 1);
        assertThat(at(nan, 0, 0)).isNaN();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("widths")
  void multipliesRows(LayerKernels kernels) {
    Random random = new Random(SEED);
    int lanes = kernels.panelWidth();
    try (Arena arena = Arena.ofConfined()) {
      for (int trial = 0; trial < 30; trial++) {
        int depth = 1 + random.nextInt(70);
        MemorySegment rows = memory(arena, floats(random, 8 * (depth + 3), 1), 4);
        MemorySegment panel = memory(arena, floats(random, depth * lanes, 1), 0);
        MemorySegment start = memory(arena, floats(random, lanes, 1), 0);
        MemorySegment out = arena.allocate(8L * (lanes + 1) * Float.BYTES, 64);
        long rowBytes = (depth + 3L) * Float.BYTES;
        long outBytes = (lanes + 1L) * Float.BYTES;
        long to = out.address();
        long packed = panel.address();
        MemorySegment tile = arena.allocate(kernels.tileBytes(), 64);
        int count = 1 + random.nextInt(kernels.tileRows());
        kernels.packRows(rows.address() + 4, rowBytes, count, depth, tile.address());
        kernels.tile(tile.address(), packed, depth, start.address(), to, outBytes);
        MemorySegment more = memory(arena, floats(random, kernels.tileRows() * lanes, 1), 0);
        kernels.addTile(more.address(), to, outBytes);
        for (int i = 0; i < kernels.tileRows(); i++) {
          for (int j = 0; j < lanes; j++) {
            double sum = (double) at(start, 0, j) + at(more, 0, (long) i * lanes + j);
            for (int t = 0; t < depth; t++) {
              sum +=
                  (double) at(rows, 4 + Math.min(i, count - 1) * rowBytes, t)
                      * at(panel, 0, t * lanes + j);
            }
            assertThat((double) at(out, i * outBytes, j)).isBetween(sum - 2e-4, sum + 2e-4);
          }
        }
      }
    }
  }

  @Tag("slow")
  @Test
  void multipliesByPackedMatrices() {
    Random random = new Random(SEED);
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(3)) {
      RowProduct product = new RowProduct();
      // Sums of one part and of several, packed together and apart.
      int[] wide = {9000, 640, 641, 2048, 2049};
      for (int trial = 0; trial < 25; trial++) {
        int rows = random.nextInt(300);
        int in = trial < wide.length ? wide[trial] : 1 + random.nextInt(60);
        int out = 1 + random.nextInt(200);
        int split = random.nextInt(out + 1);
        float[] weights = floats(random, out * in, 1);
        float[] bias = floats(random, out, 1);
        PackedMatrix matrix = new PackedMatrix(out, in, arena);
        set(matrix, arena, weights, 0, split, workers);
        set(matrix, arena, weights, split, out - split, workers);
        matrix.setBias(0, bias);
        MemorySegment copy = arena.allocate((long) out * in * Float.BYTES);
        matrix.get(0, out, copy);
        assertThat(Arrays.equals(copy.toArray(FLOAT), weights)).isTrue();
        float[] x = floats(random, rows * in, 1);
        MemorySegment input = memory(arena, x, 0);
        MemorySegment y = arena.allocate((long) rows * out * Float.BYTES);
        product.multiply(matrix, input, rows, y, workers);
        assertProduct(x, weights, bias, rows, in, out, y, null);
        MemorySegment plain = y.asSlice(0);
        float[] first = plain.toArray(FLOAT);
        product.multiply(matrix, Nonlinearity.SILU, input, rows, y, workers);
        assertProduct(x, weights, bias, rows, in, out, y, Nonlinearity.SILU);
        product.multiplyGated(matrix, Nonlinearity.RELU, matrix, input, rows, y, workers);
        for (int i = 0; i < first.length; i++) {
          float expected = Math.max(first[i], 0) * first[i];
          assertThat(at(y, 0, i)).isEqualTo(expected);
        }
      }
      PackedMatrix small = new PackedMatrix(4, 3, arena);
      MemorySegment short_ = arena.allocate(8);
      assertThatThrownBy(() -> product.multiply(small, short_, 1, short_, workers))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> small.set(2, 3, short_, 3, 1, workers))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> small.set(0, 4, short_, 3, 1, workers))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void normalisesPartOfARowAsItDoesAWhole() {
    Random random = new Random(SEED);
    try (Arena arena = Arena.ofShared()) {
      int rows = 70;
      int rowWidth = 23;
      int width = 13;
      int at = 7;
      RowNorm norm = new RowNorm(floats(random, width, 1), null, 1e-5f);
      float[] values = floats(random, rows * rowWidth, 1);
      MemorySegment whole = memory(arena, values, 0);
      norm.applyWithin(whole, rows, rowWidth, at, Workers.of(2));
      for (int row = 0; row < rows; row++) {
        int first = row * rowWidth;
        MemorySegment part =
            memory(arena, Arrays.copyOfRange(values, first + at, first + at + width), 0);
        norm.apply(part, 1, part, Workers.of(1));
        for (int i = 0; i < rowWidth; i++) {
          boolean inside = i >= at && i < at + width;
          assertThat(at(whole, 0, first + i))
              .isEqualTo(inside ? at(part, 0, i - at) : values[first + i]);
        }
      }
      for (int outside : new int[] {-1, rowWidth - width + 1, Integer.MAX_VALUE}) {
        assertThatThrownBy(() -> norm.applyWithin(whole, 1, rowWidth, outside, Workers.of(1)))
            .isInstanceOf(IndexOutOfBoundsException.class);
      }
      assertThatThrownBy(() -> norm.applyWithin(whole, rows + 1, rowWidth, at, Workers.of(1)))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void refusesMemoryThatIsNotThere() {
    Arena arena = Arena.ofShared();
    PackedMatrix matrix = new PackedMatrix(4, 3, arena);
    MemorySegment x = arena.allocate(8 * 4 * 3);
    MemorySegment heap = MemorySegment.ofArray(new float[100]);
    RowProduct product = new RowProduct();
    RowNorm norm = new RowNorm(new float[4], null, 1);
    RowLogLoss loss = new RowLogLoss(Workers.of(1));
    assertThatThrownBy(() -> product.multiply(matrix, heap, 1, x, Workers.of(1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("heap");
    assertThatThrownBy(() -> norm.apply(x, 1, heap, Workers.of(1)))
        .isInstanceOf(IllegalArgumentException.class);
    RowLogLoss.Head head = new RowLogLoss.Head(x, 2, 3, 0);
    arena.close();
    try (Arena other = Arena.ofShared()) {
      MemorySegment alive = other.allocate(8 * 4 * 4);
      assertThatThrownBy(() -> product.multiply(matrix, alive, 1, alive, Workers.of(1)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("freed");
      assertThatThrownBy(() -> norm.apply(x, 1, alive, Workers.of(1)))
          .isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> loss.losses(head, alive, new int[] {1}))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  /** Every second time from memory that holds the matrix transposed. */
  private static void set(
      PackedMatrix matrix, Arena arena, float[] weights, int first, int count, Workers workers) {
    int in = matrix.in();
    float[] transposed = new float[count * in];
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < in; j++) {
        transposed[j * count + i] = weights[(first + i) * in + j];
      }
    }
    if (count > 0) {
      matrix.set(first, count, memory(arena, transposed, 0), 1, count, workers);
    }
  }

  private static void assertProduct(
      float[] x,
      float[] weights,
      float[] bias,
      int rows,
      int in,
      int out,
      MemorySegment y,
      Nonlinearity function) {
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < out; j++) {
        double sum = bias[j];
        double size = 1;
        for (int t = 0; t < in; t++) {
          sum += (double) x[i * in + t] * weights[j * in + t];
          size += Math.abs(x[i * in + t] * weights[j * in + t]);
        }
        double expected = function == null ? sum : function.of(sum);
        double error = 1e-6 * size;
        assertThat((double) at(y, 0, i * out + j)).isBetween(expected - error, expected + error);
      }
    }
  }

  static MemorySegment memory(Arena arena, float[] values, int offset) {
    MemorySegment memory = arena.allocate(offset + 4L * values.length, 64);
    MemorySegment.copy(values, 0, memory, FLOAT, offset, values.length);
    return memory;
  }

  static float at(MemorySegment memory, long at, long index) {
    return memory.get(FLOAT, at + index * Float.BYTES);
  }

  static float[] floats(Random random, int count, float size) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = size * (float) random.nextGaussian();
    }
    return values;
  }

  private static void assertClose(
      MemorySegment found, MemorySegment expected, int at, int count, double error) {
    for (int i = 0; i < count; i++) {
      double value = at(expected, at, i);
      double allowed = error * Math.max(1, Math.abs(value));
      assertThat((double) at(found, at, i)).isBetween(value - allowed, value + allowed);
    }
  }
}

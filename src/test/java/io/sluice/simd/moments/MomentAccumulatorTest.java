package io.sluice.simd.moments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.simd.Panels;
import io.sluice.testing.Seeds;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class MomentAccumulatorTest {
  private static final long SEED = Seeds.seed();

  static Stream<MomentKernels> kernels() {
    List<MomentKernels> all = new ArrayList<>(MomentKernels.everyWidth());
    all.add(new ScalarMomentKernels(16, 8));
    return all.stream();
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("kernels")
  void agreesWithFloat64OverOddSizes(MomentKernels kernels) {
    Random random = new Random(SEED);
    int[][] sizes = {{1, 1}, {2, 1}, {1, 5}, {3, 7}, {1023, 33}, {1025, 31}, {4097, 70}, {9000, 9}};
    for (int[] size : sizes) {
      float[] x = correlated(random, size[0], size[1], 3);
      MomentAccumulator accumulator = new MomentAccumulator(size[1], kernels, Workers.of(1));
      accumulator.add(rows(x, size[1]));
      assertAgrees(accumulator.moments(), reference(x, size[1]), 2e-7);
    }
  }

  @Tag("slow")
  @Test
  void keepsTheVarianceUnderAMeanAThousandTimesLarger() {
    Random random = new Random(SEED);
    float[] x = correlated(random, 20_000, 40, 1000);
    MomentAccumulator accumulator = new MomentAccumulator(40);
    accumulator.add(rows(x, 40));
    assertAgrees(accumulator.moments(), reference(x, 40), 5e-7);
  }

  @Tag("slow")
  @Test
  void keepsTheVarianceWhenTheMeanDriftsFarFromTheFirstRows() {
    Random random = new Random(SEED);
    int width = 20;
    float[] x = correlated(random, 30_000, width, 0);
    for (int i = 5_000 * width; i < x.length; i++) {
      x[i] += 500;
    }
    MomentAccumulator accumulator = new MomentAccumulator(width);
    accumulator.add(rows(x, width));
    assertAgrees(accumulator.moments(), reference(x, width), 5e-7);
  }

  /** Repeated values are the worst for float32 sums, as every addition rounds the same way. */
  @Tag("slow")
  @Test
  void staysAccurateWhenEverySquareIsTheSame() {
    Random random = new Random(SEED);
    int width = 33;
    float[] x = new float[40_000 * width];
    for (int i = 0; i < x.length; i++) {
      x[i] = random.nextBoolean() ? 0.3f : -0.3f;
    }
    MomentAccumulator accumulator = new MomentAccumulator(width);
    accumulator.add(rows(x, width));
    assertAgrees(accumulator.moments(), reference(x, width), 2e-6);
  }

  @Tag("slow")
  @Test
  void isTheSameToTheBitForAnySplitAndAnyNumberOfThreads() {
    Random random = new Random(SEED);
    int width = 75;
    float[] x = correlated(random, 10_000, width, 1);
    MomentAccumulator whole =
        new MomentAccumulator(width, MomentKernels.ofThisMachine(), Workers.of(1));
    whole.add(rows(x, width));
    Moments expected = whole.moments();
    try (Workers three = Workers.of(3)) {
      MomentAccumulator split = new MomentAccumulator(width, MomentKernels.ofThisMachine(), three);
      MemorySegment memory = MemorySegment.ofArray(x);
      for (int row = 0; row < 10_000; ) {
        int n = Math.min(10_000 - row, 1 + random.nextInt(1500));
        long rowBytes = 4L * width;
        split.add(new Rows(memory.asSlice(row * rowBytes), DType.F32, n, width));
        row += n;
        assertThat(split.count()).isEqualTo(row);
      }
      Moments actual = split.moments();
      assertThat(actual.count()).isEqualTo(10_000);
      assertThat(actual.mean()).containsExactly(expected.mean());
      assertThat(actual.scatter()).containsExactly(expected.scatter());
    }
  }

  @Test
  void takesMoreRowsAfterItWasAsked() {
    Random random = new Random(SEED);
    float[] x = correlated(random, 3_000, 12, 1);
    MomentAccumulator accumulator = new MomentAccumulator(12);
    assertThat(accumulator.moments().count()).isZero();
    accumulator.add(new Rows(MemorySegment.ofArray(x), DType.F32, 700, 12));
    assertThat(accumulator.moments().count()).isEqualTo(700);
    accumulator.add(new Rows(MemorySegment.ofArray(x).asSlice(700 * 48L), DType.F32, 2_300, 12));
    assertAgrees(accumulator.moments(), reference(x, 12), 2e-7);
  }

  @Test
  void namesTheRowAndColumnThatIsNotFinite() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      float[] x = new float[3_000 * 40];
      x[2_345 * 40 + 37] = bad;
      MomentAccumulator accumulator = new MomentAccumulator(40);
      assertThatThrownBy(() -> accumulator.add(rows(x, 40)))
          .isInstanceOfSatisfying(
              NonFiniteException.class,
              e -> {
                assertThat(e.row()).isEqualTo(2_345);
                assertThat(e.column()).isEqualTo(37);
                assertThat(Float.compare(e.value(), bad)).isZero();
              });
    }
  }

  /**
   * The same rows again and again: whatever rounding does, it does 12,208 times in the same
   * direction, while the exact result is that of the rows once.
   */
  @Tag("slow")
  @Test
  void staysAccurateOverAHundredMillionRows() {
    int width = 32;
    int once = 1 << 13;
    int times = 12_208;
    float[] x = correlated(new Random(SEED), once, width, 30);
    MemorySegment memory = Panels.allocate(x.length);
    MemorySegment.copy(x, 0, memory, Panels.FLOAT, 0, x.length);
    MomentAccumulator accumulator = new MomentAccumulator(width);
    for (int i = 0; i < times; i++) {
      accumulator.add(new Rows(memory, DType.F32, once, width));
    }
    Moments expected = reference(x, width);
    double[] scatter = expected.scatter().clone();
    for (int i = 0; i < scatter.length; i++) {
      scatter[i] *= times;
    }
    assertThat(accumulator.count()).isGreaterThan(100_000_000);
    assertAgrees(
        accumulator.moments(),
        new Moments((long) once * times, expected.mean(), scatter),
        // The largest eigenvalue of these rows is over four times their mean.
        4e-6 / Math.sqrt(width));
  }

  @Test
  void refusesRowsOfAnotherWidth() {
    MomentAccumulator accumulator = new MomentAccumulator(8);
    assertThatThrownBy(() -> accumulator.add(rows(new float[27], 9)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("9")
        .hasMessageContaining("8");
    Rows scaled = new Rows(MemorySegment.ofArray(new float[16]), DType.F32, 2, 8, 0.5f);
    assertThatThrownBy(() -> accumulator.add(scaled))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("0.5");
    assertThatThrownBy(() -> new Rows(MemorySegment.ofArray(new float[10]), DType.F32, 3, 4))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static Rows rows(float[] x, int width) {
    return new Rows(MemorySegment.ofArray(x), DType.F32, x.length / width, width);
  }

  /** Rows of different scales, each column a mixture of the one before, with means around one. */
  private static float[] correlated(Random random, int count, int width, double mean) {
    float[] x = new float[count * width];
    for (int row = 0; row < count; row++) {
      double before = 0;
      for (int j = 0; j < width; j++) {
        before = 0.7 * before + random.nextGaussian();
        x[row * width + j] = (float) (before + mean * (1 + j % 3));
      }
    }
    return x;
  }

  private static Moments reference(float[] x, int width) {
    int count = x.length / width;
    double[] mean = new double[width];
    for (int i = 0; i < x.length; i++) {
      mean[i % width] += x[i] / (double) count;
    }
    double[] scatter = new double[width * width];
    for (int row = 0; row < count; row++) {
      for (int i = 0; i < width; i++) {
        double xi = x[row * width + i] - mean[i];
        for (int j = 0; j < width; j++) {
          scatter[i * width + j] += xi * (x[row * width + j] - mean[j]);
        }
      }
    }
    return new Moments(count, mean, scatter);
  }

  /** The Frobenius norm of the error bounds the error of every eigenvalue. */
  private static void assertAgrees(Moments actual, Moments expected, double tolerance) {
    assertThat(actual.count()).isEqualTo(expected.count());
    double error = 0;
    double trace = 1e-300;
    int width = expected.mean().length;
    for (int i = 0; i < expected.scatter().length; i++) {
      double difference = actual.scatter()[i] - expected.scatter()[i];
      error += difference * difference;
      trace += i % (width + 1) == 0 ? expected.scatter()[i] : 0;
    }
    double largest = Math.max(trace / width, 1e-300);
    assertThat(Math.sqrt(error) / largest).isLessThan(tolerance * Math.sqrt(width));
    for (int j = 0; j < width; j++) {
      double scale = Math.abs(expected.mean()[j]) + 1;
      assertThat(Math.abs(actual.mean()[j] - expected.mean()[j]) / scale).isLessThan(1e-7);
    }
  }
}

package io.sluice.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.memory.DType;
import io.sluice.simd.NonFiniteException;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** One contract for every way of accumulating. */
class CovarianceAccumulatorTest {
  private static final long SEED = Seeds.seed();

  static Stream<Named<IntFunction<CovarianceAccumulator>>> ways() {
    return Stream.of(
        Named.of("Vector API", VectorCovariance::new),
        Named.of("LibTorch", width -> new TorchCovariance(Device.CPU, width)));
  }

  @ParameterizedTest
  @MethodSource("ways")
  void agreesWithNumPyInFloat64(IntFunction<CovarianceAccumulator> way) throws IOException {
    Golden golden = new Golden();
    int d = golden.width("rows");
    try (CovarianceAccumulator accumulator = way.apply(d)) {
      accumulator.add(golden.memory("rows"), DType.F32, golden.rows("rows"));
      assertThat(accumulator.count()).isEqualTo(golden.rows("rows"));
      Covariance covariance = accumulator.covariance();
      double largest = golden.doubles("eigenvalues")[0];
      Golden.assertClose(covariance.mean(), golden.doubles("mean"), 1e-6);
      Golden.assertClose(covariance.matrix(), golden.doubles("covariance"), 5e-7 * largest);
      Spectrum spectrum = Spectrum.of(covariance);
      Golden.assertClose(spectrum.eigenvalues(), golden.doubles("eigenvalues"), 1e-6 * largest);
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void survivesALargeMeanThatDrifts(IntFunction<CovarianceAccumulator> way) {
    Random random = new Random(SEED);
    int n = 12_000;
    double[] exact = new double[2 * n];
    try (Arena arena = Arena.ofConfined();
        CovarianceAccumulator accumulator = way.apply(2)) {
      MemorySegment rows = arena.allocate(ValueLayout.JAVA_FLOAT, 2 * n);
      for (int i = 0; i < 2 * n; i++) {
        float value = (float) (300 + (i > n ? 100 : 0) + random.nextGaussian());
        rows.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        exact[i] = value;
      }
      accumulator.add(rows, DType.F32, n);
      // The variance of each column is about 2500, that of their difference 2.
      Golden.assertClose(
          accumulator.covariance().matrix(), reference(exact, 2).matrix(), 2500 * 5e-7);
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void readsHalfPrecision(IntFunction<CovarianceAccumulator> way) {
    Random random = new Random(SEED);
    int n = 50;
    int d = 35;
    for (DType dtype : new DType[] {DType.F16, DType.BF16}) {
      double[] exact = new double[n * d];
      try (Arena arena = Arena.ofConfined();
          CovarianceAccumulator accumulator = way.apply(d)) {
        MemorySegment rows = arena.allocate(ValueLayout.JAVA_SHORT, n * d);
        for (int i = 0; i < n * d; i++) {
          float value = (float) random.nextGaussian();
          short bits =
              dtype == DType.F16
                  ? Float.floatToFloat16(value)
                  : (short) (Float.floatToIntBits(value) >>> 16);
          rows.setAtIndex(ValueLayout.JAVA_SHORT, i, bits);
          exact[i] =
              dtype == DType.F16 ? Float.float16ToFloat(bits) : Float.intBitsToFloat(bits << 16);
        }
        accumulator.add(rows, dtype, n);
        Golden.assertClose(accumulator.covariance().matrix(), reference(exact, d).matrix(), 1e-6);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void namesWhatIsNotFinite(IntFunction<CovarianceAccumulator> way) {
    try (Arena arena = Arena.ofConfined();
        CovarianceAccumulator accumulator = way.apply(3)) {
      MemorySegment rows = arena.allocate(ValueLayout.JAVA_FLOAT, 3 * 5000);
      rows.setAtIndex(ValueLayout.JAVA_FLOAT, 3 * 4500 + 2, Float.NaN);
      assertThatThrownBy(() -> accumulator.add(rows, DType.F32, 5000))
          .isInstanceOf(NonFiniteException.class)
          .hasMessage("row 4500, column 2 is NaN");
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void refusesWhatIsNoActivations(IntFunction<CovarianceAccumulator> way) {
    try (Arena arena = Arena.ofConfined();
        CovarianceAccumulator accumulator = way.apply(4)) {
      MemorySegment rows = arena.allocate(64);
      assertThatThrownBy(() -> accumulator.add(rows, DType.F32, 5))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("64");
      assertThatThrownBy(() -> accumulator.add(rows, DType.I32, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("int32");
      assertThat(accumulator.covariance().count()).isZero();
    }
  }

  @Test
  void mergedPartsAreTheWhole() {
    Random random = new Random(SEED);
    int d = 6;
    double[] rows = random.doubles(40 * d).map(x -> 3 * x + 7).toArray();
    Covariance first = reference(java.util.Arrays.copyOf(rows, 13 * d), d);
    Covariance rest = reference(java.util.Arrays.copyOfRange(rows, 13 * d, 40 * d), d);
    Covariance whole = reference(rows, d);
    Covariance merged = first.merge(rest);
    assertThat(merged.count()).isEqualTo(40);
    assertThat(merged.mean()).containsExactly(whole.mean(), within(1e-12));
    assertThat(merged.matrix()).containsExactly(whole.matrix(), within(1e-12));
    Covariance nothing = Covariance.of(0, new double[d], new double[d * d]);
    assertThat(nothing.merge(whole)).isSameAs(whole);
    assertThat(whole.merge(nothing)).isSameAs(whole);
    assertThatThrownBy(() -> whole.merge(Covariance.of(1, new double[2], new double[4])))
        .isInstanceOf(IllegalArgumentException.class);
  }

  static Covariance reference(double[] rows, int d) {
    int n = rows.length / d;
    double[] mean = new double[d];
    for (int i = 0; i < rows.length; i++) {
      mean[i % d] += rows[i] / n;
    }
    double[] matrix = new double[d * d];
    for (int row = 0; row < n; row++) {
      for (int i = 0; i < d; i++) {
        for (int j = 0; j < d; j++) {
          matrix[i * d + j] += (rows[row * d + i] - mean[i]) * (rows[row * d + j] - mean[j]) / n;
        }
      }
    }
    return Covariance.of(n, mean, matrix);
  }
}

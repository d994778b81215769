package io.sluice.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.testing.Seeds;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class SpectrumTest {
  @Test
  void measuresAgreeWithNumPy() throws IOException {
    Golden golden = new Golden();
    Covariance covariance =
        Covariance.of(700, golden.doubles("mean"), golden.doubles("covariance"));
    Spectrum spectrum = Spectrum.of(covariance);
    double[] expected = golden.doubles("eigenvalues");
    assertThat(spectrum.eigenvalues()).containsExactly(expected, within(1e-12 * expected[0]));
    double[] taus = golden.doubles("taus");
    long[] dimensions = golden.longs("dimension");
    for (int i = 0; i < taus.length; i++) {
      assertThat((long) spectrum.intrinsicDimension(taus[i])).isEqualTo(dimensions[i]);
    }
    double[] measures = golden.doubles("measures");
    assertThat(spectrum.effectiveRank()).isCloseTo(measures[0], within(1e-9));
    assertThat(spectrum.participationRatio()).isCloseTo(measures[1], within(1e-9));
    assertThat(spectrum.stableRank()).isCloseTo(measures[2], within(1e-9));
    assertThat(spectrum.totalVariance()).isCloseTo(measures[3], within(1e-9));
    assertThat(covariance.totalVariance()).isCloseTo(measures[3], within(1e-9));
  }

  @Test
  void equalVarianceFillsEveryDimension() {
    Spectrum flat = Spectrum.ofEigenvalues(new double[] {2, 2, 2, 2});
    assertThat(flat.intrinsicDimension(0.99)).isEqualTo(4);
    assertThat(flat.intrinsicDimension(0.5)).isEqualTo(2);
    assertThat(flat.intrinsicDimensionRatio(1)).isEqualTo(1);
    assertThat(flat.effectiveRank()).isCloseTo(4, within(1e-12));
    assertThat(flat.participationRatio()).isCloseTo(4, within(1e-12));
    assertThat(flat.stableRank()).isEqualTo(4);
  }

  @Test
  void roundedZerosCountAsZeros() {
    Spectrum line = Spectrum.ofEigenvalues(new double[] {-1e-18, 3, 0});
    assertThat(line.eigenvalues()).containsExactly(3, 0, 0);
    assertThat(line.intrinsicDimension(1)).isEqualTo(1);
    assertThat(line.effectiveRank()).isEqualTo(1);
    assertThat(line.participationRatio()).isEqualTo(1);
    assertThat(line.stableRank()).isEqualTo(1);
  }

  @Test
  void noVarianceIsNoDimension() {
    Spectrum nothing = Spectrum.ofEigenvalues(new double[3]);
    assertThat(nothing.intrinsicDimension(0.99)).isZero();
    assertThat(nothing.effectiveRank()).isZero();
    assertThat(nothing.participationRatio()).isZero();
    assertThat(nothing.stableRank()).isZero();
  }

  @Test
  void refusesWhatIsNoShareAndNoSpectrum() {
    Spectrum flat = Spectrum.ofEigenvalues(new double[] {1});
    for (double tau : new double[] {0, -1, 1.01, Double.NaN}) {
      assertThatThrownBy(() -> flat.intrinsicDimension(tau))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(Double.toString(tau));
    }
    assertThatThrownBy(() -> Spectrum.ofEigenvalues(new double[0]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Spectrum.ofEigenvalues(new double[] {Double.NaN}))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Tag("slow")
  @Test
  void bothSolversAgree() {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch");
    long seed = Seeds.seed();
    Random random = new Random(seed);
    for (int n : new int[] {1, 2, 17, 60}) {
      double[] rows = random.doubles(2L * n * n).toArray();
      double[] matrix = CovarianceAccumulatorTest.reference(rows, n).matrix();
      SymmetricEigen torch = SymmetricEigen.byLibTorch(matrix, n);
      SymmetricEigen java = SymmetricEigen.byJava(matrix, n);
      assertThat(java.values()).as("seed %d", seed).containsExactly(torch.values(), within(1e-12));
      assertThat(SymmetricEigen.valuesByJava(matrix, n))
          .as("seed %d", seed)
          .containsExactly(torch.values(), within(1e-12));
      assertThat(java.vectors()).as("seed %d", seed).containsExactly(torch.vectors(), within(1e-7));
    }
  }
}

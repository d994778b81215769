package io.sluice.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class CurveTest {
  @Test
  void keepsEveryDirectionOfANarrowSpectrum() {
    Curve curve = Curve.of(new double[] {6, 3, 1}, 10, 2);
    assertThat(curve.index()).containsExactly(1, 2, 3);
    assertThat(curve.share()).containsExactly(0.6, 0.3, 0.1);
    assertThat(curve.cumulative()).containsExactly(0.6, 0.9, 1.0);
  }

  @Test
  void thinsAWideSpectrumButKeepsEndsAndMark() {
    double[] variances = IntStream.range(0, 9000).mapToDouble(i -> Math.exp(-i / 900.0)).toArray();
    Curve curve = Curve.of(variances, 0, 4321);
    assertThat(curve.index().length).isLessThanOrEqualTo(Curve.MOST + 1);
    assertThat(curve.index()).isSorted().doesNotHaveDuplicates().startsWith(1, 2).endsWith(9000);
    assertThat(curve.index()).contains(4321);
    double head = Arrays.stream(variances).limit(4321).sum() / Arrays.stream(variances).sum();
    int at = Arrays.binarySearch(curve.index(), 4321);
    assertThat(curve.cumulative()[at]).isCloseTo(head, within(1e-6));
  }

  @Test
  void noiseBelowZeroCountsAsNothing() {
    Curve curve = Curve.of(new double[] {1, 0, -1e-12}, 1, 0);
    assertThat(curve.share()).containsExactly(1, 0, 0);
    assertThat(Curve.of(new double[] {0, 0}, 0, 1).cumulative()).containsExactly(0, 0);
  }
}

package io.sluice.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class OutputProjectionTest {
  @Test
  void agreesWithNumPy() throws IOException {
    Golden golden = new Golden();
    int d = golden.width("w_o");
    OutputProjection projection = OutputProjection.of(golden.floats("w_o"), 5, d);
    double[] singular = golden.doubles("w_o_singular");
    assertThat(projection.singularValues()).containsExactly(singular, within(1e-6 * singular[0]));
    double[] heads = golden.doubles("head_singular");
    double[] overlap = golden.doubles("overlap");
    for (int i = 0; i < 5; i++) {
      double[] squared = projection.headSpectra().get(i).eigenvalues();
      for (int k = 0; k < squared.length; k++) {
        assertThat(Math.sqrt(squared[k])).isCloseTo(heads[i * squared.length + k], within(1e-6));
      }
      assertThat(projection.headOverlap()[i])
          .containsExactly(java.util.Arrays.copyOfRange(overlap, 5 * i, 5 * i + 5), within(1e-6));
    }
    assertThat(projection.meanOverlap()).isBetween(0.1, 0.5);
  }

  @Test
  void equalSpacesOverlapWhollyAndOrthogonalOnesNotAtAll() {
    float[] weight = {
      1, 0, 0, 0, 0, 1, 0, 0, // head 0 writes into the first two directions
      1, 1, 0, 0, 1, -1, 0, 0, // so does head 1
      0, 0, 3, 0, 0, 0, 0, 2, // head 2 into the other two
      0, 5, 0, 0, 0, 5, 0, 0, // head 3 into one of the first, by two equal rows
    };
    double[][] overlap = OutputProjection.of(weight, 4, 4).headOverlap();
    assertThat(overlap[0][1]).isCloseTo(1, within(1e-12));
    assertThat(overlap[0][2]).isCloseTo(0, within(1e-12));
    assertThat(overlap[0][3]).isCloseTo(1, within(1e-12));
    assertThat(overlap[3][2]).isCloseTo(0, within(1e-12));
  }

  @Test
  void moreRowsThanColumnsAreMeasuredToo() {
    float[] weight = {3, 0, 0, 4, 0, 0};
    OutputProjection projection = OutputProjection.of(weight, 1, 2);
    assertThat(projection.singularValues()).containsExactly(new double[] {4, 3}, within(1e-12));
    assertThat(projection.meanOverlap()).isZero();
  }

  @Test
  void refusesSizesThatDoNotFit() {
    assertThatThrownBy(() -> OutputProjection.of(new float[10], 3, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("10");
  }
}

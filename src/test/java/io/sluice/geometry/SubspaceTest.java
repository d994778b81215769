package io.sluice.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class SubspaceTest {
  @Test
  void projectsAsNumPyDoes() throws IOException {
    Golden golden = new Golden();
    Covariance covariance =
        Covariance.of(700, golden.doubles("mean"), golden.doubles("covariance"));
    Subspace subspace = Subspace.topDirections(covariance, 9);
    assertThat(subspace.dimension()).isEqualTo(9);
    float[] rows = Arrays.copyOf(golden.floats("rows"), 20 * covariance.width());
    subspace.project(rows);
    double[] expected = golden.doubles("projected");
    for (int i = 0; i < rows.length; i++) {
      assertThat((double) rows[i]).isCloseTo(expected[i], within(2e-6));
    }
  }

  @Test
  void directionsAreOrthonormalRows() throws IOException {
    Golden golden = new Golden();
    Covariance covariance =
        Covariance.of(700, golden.doubles("mean"), golden.doubles("covariance"));
    int d = covariance.width();
    Subspace whole = Subspace.topDirections(covariance, d);
    double[] v = whole.directions();
    for (int i = 0; i < d; i++) {
      for (int j = 0; j < d; j++) {
        double dot = 0;
        for (int k = 0; k < d; k++) {
          dot += v[i * d + k] * v[j * d + k];
        }
        assertThat(dot).isCloseTo(i == j ? 1 : 0, within(1e-12));
      }
    }
    float[] rows = golden.floats("rows");
    float[] same = rows.clone();
    whole.project(same);
    for (int i = 0; i < rows.length; i++) {
      assertThat(same[i]).isCloseTo(rows[i], within(2e-6f));
    }
    assertThat(whole.basis()).hasSize(d * d);
  }

  @Test
  void refusesMoreDirectionsThanThereAre() {
    Covariance covariance = Covariance.of(3, new double[2], new double[] {1, 0, 0, 1});
    for (int k : new int[] {0, 3}) {
      assertThatThrownBy(() -> Subspace.topDirections(covariance, k))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("2")
          .hasMessageContaining(Integer.toString(k));
    }
    assertThatThrownBy(() -> Subspace.topDirections(covariance, 1).project(new float[3]))
        .isInstanceOf(IllegalArgumentException.class);
  }
}

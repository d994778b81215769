package io.sluice.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Against NumPy's answers, made by {@code src/test/python/death_golden.py}. */
class DeadPredictionTest {
  private static final int DRAWS = 8192;

  private final Safetensors golden =
      Safetensors.open(Path.of("src/test/resources/golden/death.safetensors"));

  DeadPredictionTest() throws IOException {}

  private double[] doubles(String name) {
    return golden.data(name).toArray(ValueLayout.JAVA_DOUBLE);
  }

  private Covariance covariance() {
    return Covariance.of(1000, doubles("mean"), doubles("covariance"));
  }

  private TokenMoments moments() {
    return new TokenMoments(
        covariance(), Covariance.of(1000, doubles("unit_mean"), doubles("unit_covariance")));
  }

  @Tag("slow")
  @Test
  void sharesAgreeWithNumPyWithinTheErrorOfSampling() {
    DeadPrediction prediction = DeadPrediction.of(moments(), 0.99, 0);
    long[] cases = golden.data("cases").toArray(ValueLayout.JAVA_LONG);
    double[] shares = doubles("shares");
    double largest = 0;
    for (int i = 0; i < shares.length; i++) {
      double share =
          prediction.share(
              DeadPrediction.Start.values()[(int) cases[5 * i]],
              cases[5 * i + 1] == 1,
              (int) cases[5 * i + 2],
              (int) cases[5 * i + 3],
              cases[5 * i + 4]);
      double error = Math.sqrt(Math.max(shares[i] * (1 - shares[i]), 1e-6) / DRAWS);
      // Where tokens have their own thresholds, Python averages over drawn tokens instead.
      double sampled = cases[5 * i + 1] == 1 ? 0 : 0.005 + 0.05 * shares[i];
      assertThat(share).as("case %d", i).isCloseTo(shares[i], within(4 * error + sampled));
      largest = Math.max(largest, share);
    }
    assertThat(largest).isGreaterThan(0.3);
  }

  @Test
  void outlierSeverityAndTailsAgreeWithPython() {
    assertThat(covariance().outlierSeverity()).isCloseTo(doubles("gamma")[0], within(1e-12));
    double[] points = doubles("points");
    double[] tails = doubles("tails");
    for (int i = 0; i < points.length; i++) {
      assertThat(NormalTail.above(points[i]))
          .as("above %s", points[i])
          .isCloseTo(tails[i], within(1e-12 * tails[i]));
    }
  }

  @Tag("slow")
  @Test
  void theSameSeedPredictsTheSame() {
    double first =
        DeadPrediction.of(moments(), 0.99, 5)
            .share(DeadPrediction.Start.RANDOM, false, 4096, 8, 2000);
    double second =
        DeadPrediction.of(moments(), 0.99, 5)
            .share(DeadPrediction.Start.RANDOM, false, 4096, 8, 2000);
    assertThat(second).isEqualTo(first);
  }

  @Test
  void refusesWhatCannotBe() {
    DeadPrediction prediction = DeadPrediction.of(moments(), 0.99, 0);
    assertThatThrownBy(() -> prediction.share(DeadPrediction.Start.ASI, true, 8, 9, 10))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("8")
        .hasMessageContaining("9");
    assertThatThrownBy(() -> prediction.share(DeadPrediction.Start.ASI, true, 8, 2, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () -> {
              Covariance nothing = Covariance.of(1, new double[2], new double[4]);
              DeadPrediction.of(new TokenMoments(nothing, nothing), 0.99, 0);
            })
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("without variance");
  }
}

package io.sluice.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.testing.Seeds;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LinearPredictionTest {
  private final long seed = Seeds.seed();
  private final Random random = new Random(seed);

  @Test
  void findsTheMapThatMadeTheTarget() {
    int in = 7;
    int out = 4;
    int rows = 300;
    double[][] map = new double[in][out];
    for (double[] row : map) {
      for (int j = 0; j < out; j++) {
        row[j] = random.nextGaussian();
      }
    }
    double[][] joint = new double[rows][in + out];
    for (double[] row : joint) {
      for (int i = 0; i < in; i++) {
        double x = random.nextGaussian() * (1 + i) + 3;
        row[i] = x;
        for (int j = 0; j < out; j++) {
          row[in + j] += x * map[i][j];
        }
      }
    }
    LinearPrediction prediction = LinearPrediction.of(covariance(joint), in);
    for (int j = 0; j < out; j++) {
      float[] direction = new float[out];
      direction[j] = 2;
      float[] pulled = prediction.pullBack(direction);
      for (int i = 0; i < in; i++) {
        assertThat((double) pulled[i])
            .as("seed %d", seed)
            .isCloseTo(2 * map[i][j], within(0.02 * Math.abs(map[i][j]) + 0.02));
      }
    }
  }

  @Test
  void fewerRowsThanColumnsGiveWeightsAllTheSame() {
    double[][] joint = new double[5][12];
    for (double[] row : joint) {
      for (int i = 0; i < 12; i++) {
        row[i] = random.nextGaussian();
      }
    }
    float[] pulled = LinearPrediction.of(covariance(joint), 10).pullBack(new float[] {1, 0});
    for (float weight : pulled) {
      assertThat(weight).as("seed %d", seed).isFinite();
      assertThat(Math.abs(weight)).as("seed %d", seed).isLessThan(100);
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    Covariance covariance = Covariance.of(3, new double[3], new double[9]);
    assertThatThrownBy(() -> LinearPrediction.of(covariance, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("3 columns of 3");
    assertThatThrownBy(() -> LinearPrediction.of(covariance, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("is the same in all rows");
    LinearPrediction prediction =
        LinearPrediction.of(
            Covariance.of(3, new double[3], new double[] {1, 0, 0, 0, 1, 0, 0, 0, 1}), 2);
    assertThatThrownBy(() -> prediction.pullBack(new float[2]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2 values")
        .hasMessageContaining("1 wide");
  }

  private static Covariance covariance(double[][] rows) {
    int d = rows[0].length;
    double[] mean = new double[d];
    for (double[] row : rows) {
      for (int i = 0; i < d; i++) {
        mean[i] += row[i] / rows.length;
      }
    }
    double[] matrix = new double[d * d];
    for (double[] row : rows) {
      for (int i = 0; i < d; i++) {
        for (int j = 0; j < d; j++) {
          matrix[i * d + j] += (row[i] - mean[i]) * (row[j] - mean[j]) / rows.length;
        }
      }
    }
    return Covariance.of(rows.length, mean, matrix);
  }
}

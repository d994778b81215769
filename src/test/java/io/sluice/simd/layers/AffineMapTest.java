package io.sluice.simd.layers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.memory.Workers;
import io.sluice.testing.Seeds;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AffineMapTest {
  @Test
  void isTheProductPlusTheOffset() {
    long seed = Seeds.seed();
    Random random = new Random(seed);
    try (Workers two = Workers.of(2)) {
      for (int round = 0; round < 60; round++) {
        int inputs = 1 + random.nextInt(70);
        int outputs = 1 + random.nextInt(40);
        int count = 1 + random.nextInt(150);
        float[] matrix = floats(random, outputs * inputs);
        float[] offset = floats(random, outputs);
        float[] rows = floats(random, count * inputs);
        float[] out = new float[count * outputs];
        AffineMap map = new AffineMap(matrix, offset, outputs, inputs);
        map.apply(rows, count, out, two);
        for (int row = 0; row < count; row++) {
          for (int i = 0; i < outputs; i++) {
            double sum = offset[i];
            for (int j = 0; j < inputs; j++) {
              sum += (double) matrix[i * inputs + j] * rows[row * inputs + j];
            }
            assertThat((double) out[row * outputs + i])
                .as("seed %d, round %d, row %d, value %d", seed, round, row, i)
                .isCloseTo(sum, within(1e-4));
          }
        }
        float[] alone = new float[count * outputs];
        map.apply(rows, count, alone, Workers.allCores());
        assertThat(alone).as("seed %d", seed).isEqualTo(out);
      }
    }
  }

  @Test
  void refusesSizesThatDisagree() {
    assertThatThrownBy(() -> new AffineMap(new float[5], new float[2], 2, 3))
        .hasMessage("a map of 3 to 2 values has not 5 coefficients");
    assertThatThrownBy(() -> new AffineMap(new float[6], new float[3], 2, 3))
        .hasMessage("a map to 2 values has not 3 offsets");
  }

  private static float[] floats(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}

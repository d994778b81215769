package io.sluice.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.memory.DType;
import io.sluice.torch.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DirectionCovarianceTest {
  private static final int WIDTH = 5;

  @Test
  void isThatOfRowsAtLengthOne() {
    int rows = 9_000; // More than one piece.
    Random random = new Random(4);
    try (Arena arena = Arena.ofConfined();
        CovarianceAccumulator directions = CovarianceAccumulator.ofDirections(Device.CPU, WIDTH);
        CovarianceAccumulator expected = CovarianceAccumulator.on(Device.CPU, WIDTH)) {
      MemorySegment raw = arena.allocate((long) rows * WIDTH * Float.BYTES, 64);
      MemorySegment unit = arena.allocate(raw.byteSize(), 64);
      for (int row = 0; row < rows; row++) {
        double[] x = random.doubles(WIDTH, -1, 2).toArray();
        double scale = row == 7 ? 0 : Math.exp(2 * random.nextGaussian());
        double length = 0;
        for (double value : x) {
          length += value * value;
        }
        for (int i = 0; i < WIDTH; i++) {
          long at = (long) row * WIDTH + i;
          raw.setAtIndex(ValueLayout.JAVA_FLOAT, at, (float) (x[i] * scale));
          float direction = (float) (x[i] / Math.sqrt(length));
          unit.setAtIndex(ValueLayout.JAVA_FLOAT, at, row == 7 ? 0 : direction);
        }
      }
      directions.add(raw, DType.F32, rows);
      expected.add(unit, DType.F32, rows);
      assertThat(directions.count()).isEqualTo(rows);
      assertThat(directions.covariance().mean())
          .containsExactly(expected.covariance().mean(), within(1e-6));
      assertThat(directions.covariance().matrix())
          .containsExactly(expected.covariance().matrix(), within(1e-6));
    }
  }
}

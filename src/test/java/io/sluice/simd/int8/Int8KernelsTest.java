package io.sluice.simd.int8;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Rounding leaves out no more than it says, and vectors compare as the definition does. */
class Int8KernelsTest {
  private final Random random = new Random(Seeds.seed());

  @Test
  void whatRoundingLeavesOutIsBoundedTightly() {
    for (Int8Kernels kernels :
        new Int8Kernels[] {new ScalarInt8Kernels(), Int8Kernels.ofThisMachine()}) {
      for (int width : new int[] {1, 3, 15, 16, 64, 257, 384, 2048}) {
        for (float size : new float[] {0, 1e-38f, 1e-25f, 1e-11f, 1, 1e9f, 1e17f}) {
          float[] row = new float[width];
          for (int i = 0; i < width; i++) {
            row[i] = size * (float) random.nextGaussian();
          }
          byte[] rounded = new byte[Int8Weights.depth(width)];
          float[] result = new float[3];
          int sum = kernels.round(row, width, rounded, result);
          double residue = 0;
          double norm = 0;
          int expectedSum = 0;
          for (int i = 0; i < width; i++) {
            assertThat(rounded[i]).isBetween((byte) -127, (byte) 127);
            double kept = (double) result[0] * rounded[i];
            residue += (row[i] - kept) * (row[i] - kept);
            norm += kept * kept;
            expectedSum += rounded[i];
          }
          assertThat(sum).isEqualTo(expectedSum);
          assertThat((double) result[1]).isGreaterThanOrEqualTo(Math.sqrt(residue));
          assertThat((double) result[2]).isGreaterThanOrEqualTo(Math.sqrt(norm));
          if (result[0] > 0) {
            assertThat((double) result[1])
                .isLessThan(1.001 * Math.sqrt(residue) + 2e-4 * result[0]);
            assertThat(Math.sqrt(residue))
                .isLessThanOrEqualTo(0.5001 * result[0] * Math.sqrt(width));
          }
        }
      }
    }
  }

  @Test
  void vectorsCompareAsTheDefinitionDoes() {
    RowBounds rows = new RowBounds();
    rows.fit(128);
    TokenBounds tokens = new TokenBounds();
    tokens.fit(1);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment products = arena.allocate(128 * Integer.BYTES, 64);
      for (int trial = 0; trial < 200; trial++) {
        for (int i = 0; i < 128; i++) {
          products.setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt(2_000_000) - 1_000_000);
          rows.scales[i] = trial % 10 == 9 ? 1e38f : random.nextFloat();
          rows.residues[i] = random.nextFloat();
          rows.norms[i] = random.nextFloat();
          rows.bias[i] = (float) random.nextGaussian();
          rows.rests[i] = random.nextFloat();
          rows.shift[i] = random.nextInt(1_000_000) - 500_000;
        }
        tokens.scales[0] = trial % 10 == 9 ? 1e30f : random.nextFloat();
        tokens.rounded[0] = trial % 20 == 19 ? Float.POSITIVE_INFINITY : random.nextFloat();
        tokens.residues[0] = trial % 20 == 9 ? Float.POSITIVE_INFINITY : random.nextFloat();
        tokens.rests[0] = random.nextFloat();
        float threshold = 1e5f * (float) random.nextGaussian();
        long at = 64L * Integer.BYTES;
        assertThat(Int8Kernels.ofThisMachine().above(products, at, rows, 64, tokens, 0, threshold))
            .isEqualTo(new ScalarInt8Kernels().above(products, at, rows, 64, tokens, 0, threshold));
        assertThat(
                Int8Kernels.ofThisMachine().outside(products, at, rows, 64, tokens, 0, threshold))
            .isEqualTo(
                new ScalarInt8Kernels().outside(products, at, rows, 64, tokens, 0, threshold));
      }
    }
  }
}

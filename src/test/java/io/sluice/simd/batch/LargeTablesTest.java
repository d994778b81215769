package io.sluice.simd.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.memory.DType;
import io.sluice.memory.HugeMemory;
import io.sluice.memory.Workers;
import io.sluice.simd.adam.AdamRows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A matrix of more than 2³¹ elements: 3.8 million rows of width 576. Rows before, across and after
 * that edge are written, all others stay the zeros that the system maps without taking memory for
 * them.
 */
@Tag("slow")
class LargeTablesTest {
  private static final int WIDTH = 576;
  private static final int FEATURES = 3_800_000;

  /** Holds the element of number 2³¹. */
  private static final int EDGE = (int) ((1L << 31) / WIDTH);

  private static final int[] WRITTEN = {0, EDGE - 1, EDGE, EDGE + 1, FEATURES - 1};

  private static MemorySegment table(Arena arena) {
    assumeTrue(System.getProperty("os.name").equals("Linux"), "zeros take memory on other systems");
    MemorySegment table = HugeMemory.allocate((long) FEATURES * WIDTH * Float.BYTES, arena);
    for (int i = 0; i < WRITTEN.length; i++) {
      for (int column = 0; column < WIDTH; column++) {
        table.setAtIndex(
            ValueLayout.JAVA_FLOAT, (long) WRITTEN[i] * WIDTH + column, value(i, column));
      }
    }
    return table;
  }

  private static float value(int written, int column) {
    return (written + 1) * (column % 7 - 3);
  }

  private static EncoderWeights weights(MemorySegment table) {
    float[] ones = new float[FEATURES];
    Arrays.fill(ones, 1);
    return new EncoderWeights(table, new float[FEATURES], ones, FEATURES, WIDTH);
  }

  @Test
  void encodersFindTheRowsOnBothSidesOfTheEdge() {
    float[] token = new float[WIDTH];
    double square = 0;
    for (int column = 0; column < WIDTH; column++) {
      token[column] = value(0, column);
      square += (double) token[column] * token[column];
    }
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      EncoderWeights weights = weights(table(arena));
      int[] features = new int[8];
      float[] values = new float[8];
      int[] counts = new int[1];
      TopKEncoder largest = new TopKEncoder(workers);
      largest.prepare(weights);
      largest.encode(token, 1, 8, features, values, counts);
      assertThat(Arrays.copyOf(features, counts[0])).containsExactly(WRITTEN);
      for (int i = 0; i < WRITTEN.length; i++) {
        assertThat((double) values[i]).isCloseTo((i + 1) * square, within(1e-6 * square));
      }
      SparseRows above = new SparseRows();
      ThresholdEncoder thresholds = new ThresholdEncoder(workers);
      thresholds.prepare(weights);
      thresholds.encode(new float[FEATURES], token, 1, above);
      assertThat(Arrays.copyOf(above.features(), above.entries())).containsExactly(WRITTEN);
    }
  }

  @Test
  void sumsAndUpdatesReachTheRowsBeyondTheEdge() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment table = table(arena);
      float[] out = new float[WIDTH];
      float[] weights = new float[WRITTEN.length];
      Arrays.fill(weights, 1);
      new TableRows()
          .sumRows(table, WIDTH, WRITTEN, weights, 0, WRITTEN.length, new float[WIDTH], out, 0);
      for (int column = 0; column < WIDTH; column++) {
        assertThat(out[column]).isEqualTo(15 * value(0, column));
      }
      AdamRows rows =
          new AdamRows(
              table,
              HugeMemory.allocate((long) FEATURES * WIDTH * Short.BYTES, arena),
              HugeMemory.allocate((long) FEATURES * WIDTH * Short.BYTES, arena),
              FEATURES,
              WIDTH,
              DType.BF16,
              0);
      float[] gradient = new float[WIDTH];
      Arrays.fill(gradient, 1);
      AdamRows.Factors factors = new AdamRows.Factors(1, 1, 1, 1, 0, 1);
      AdamRows.during(session -> session.step(0, FEATURES - 1, gradient, 0, 0, factors), rows);
      long last = (long) (FEATURES - 1) * WIDTH;
      for (int column = 0; column < WIDTH; column++) {
        float moved = value(WRITTEN.length - 1, column) - 1;
        assertThat(table.getAtIndex(ValueLayout.JAVA_FLOAT, last + column)).isEqualTo(moved);
      }
      // Where 32 bits would have wrapped, nothing was touched.
      long wrapped = last - (1L << 31);
      assertThat(
              table
                  .asSlice(wrapped * Float.BYTES, WIDTH * Float.BYTES)
                  .mismatch(MemorySegment.ofArray(new float[WIDTH])))
          .isEqualTo(-1);
    }
  }
}

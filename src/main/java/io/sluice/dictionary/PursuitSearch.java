package io.sluice.dictionary;

import io.sluice.engine.PursuitRule;
import io.sluice.engine.activation.Pursuit;
import io.sluice.memory.Workers;
import io.sluice.simd.single.RowEncoder;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Matching pursuit for one vector at a time: each iteration searches the rows for the best feature
 * of the residual ({@link Pursuit}).
 */
final class PursuitSearch {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final RowEncoder rows;
  private final MemorySegment decoder;
  private final int width;
  private final double residual;

  /**
   * A search, which copies the rows.
   *
   * @param rows finds the row with the largest product
   * @param decoder the rows, {@code [features, width]}
   */
  PursuitSearch(RowEncoder rows, MemorySegment decoder, int width, double residual) {
    this.rows = rows;
    this.decoder = Arena.ofAuto().allocate(decoder.byteSize(), 64).copyFrom(decoder);
    this.width = width;
    this.residual = residual;
  }

  /** The result of one iteration. */
  static final class Found {
    private final int[] feature = new int[1];
    private final float[] value = new float[1];
    private final int[] count = new int[1];
    private final float[] row;

    private Found(int width) {
      row = new float[width];
    }
  }

  /** Room for what one caller finds. */
  Found found() {
    return new Found(width);
  }

  /**
   * Encodes the first vector of {@code scratch}, which becomes the residual.
   *
   * @param most the largest number of iterations
   * @param features receives the features, ascending, from {@code at} on
   * @return the number of features
   */
  int encode(
      RowEncoder.Scratch scratch,
      Found found,
      Workers workers,
      int most,
      int[] features,
      float[] values,
      int at) {
    float[] rest = scratch.vectors();
    int end = at;
    for (int pick = 0; pick < most; pick++) {
      rows.encode(scratch, 1, workers, found.feature, found.value, 0, found.count, 0);
      if (found.count[0] == 0) {
        break;
      }
      int feature = found.feature[0];
      MemorySegment.copy(decoder, FLOAT, (long) feature * width * Float.BYTES, found.row, 0, width);
      float amount = PursuitRule.amount(rest, 0, found.row, 0, width);
      if (!(amount > 0)) {
        break;
      }
      double left = PursuitRule.subtract(rest, 0, amount, found.row, 0, width);
      int before = end;
      end = PursuitRule.insert(features, values, at, before, feature, amount);
      if (end == before || left < residual) {
        break;
      }
    }
    return end - at;
  }
}

package io.sluice.dictionary;

import io.sluice.memory.Workers;
import io.sluice.simd.single.RowEncoder;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Matching pursuit for one vector at a time: each iteration searches the rows for the best feature
 * of the residual ({@link io.sluice.engine.Selection.Pursuit}).
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
      long row = (long) feature * width;
      double product = 0;
      for (int i = 0; i < width; i++) {
        product += (double) rest[i] * decoder.getAtIndex(FLOAT, row + i);
      }
      float amount = (float) product;
      if (!(amount > 0)) {
        break;
      }
      double square = 0;
      for (int i = 0; i < width; i++) {
        rest[i] = (float) (rest[i] - (double) amount * decoder.getAtIndex(FLOAT, row + i));
        square += (double) rest[i] * rest[i];
      }
      int place = end;
      while (place > at && features[place - 1] > feature) {
        place--;
      }
      if (place > at && features[place - 1] == feature) {
        values[place - 1] += amount;
        break;
      }
      System.arraycopy(features, place, features, place + 1, end - place);
      System.arraycopy(values, place, values, place + 1, end - place);
      features[place] = feature;
      values[place] = amount;
      end++;
      if (Math.sqrt(square) < residual) {
        break;
      }
    }
    return end - at;
  }
}

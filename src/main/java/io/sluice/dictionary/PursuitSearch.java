package io.sluice.dictionary;

import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.arithmetic.PursuitRule;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.HugeMemory;
import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.single.RowEncoder;
import io.sluice.simd.single.RowFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Matching pursuit for one vector at a time: each iteration searches the rows for the best feature
 * of the residual ({@link Pursuit}).
 *
 * @param rows finds the row with the largest product
 * @param decoder the rows, {@code [features, width]}
 * @param most the largest number of iterations
 * @param residual length of the residual that ends the search
 */
record PursuitSearch(RowEncoder rows, MemorySegment decoder, int width, int most, double residual)
    implements Search {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The search of a dictionary, whose decoder is copied. */
  static PursuitSearch of(Dictionary dictionary, Pursuit pursuit, RowFormat format) {
    DictionaryParameters parameters = dictionary.parameters();
    int features = parameters.features();
    int width = parameters.inputWidth();
    float[] ones = new float[features];
    Arrays.fill(ones, 1);
    MemorySegment decoder = parameters.decoder();
    return new PursuitSearch(
        new RowEncoder(
            new EncoderWeights(decoder, new float[features], ones, features, width),
            new float[features],
            format),
        HugeMemory.allocate(decoder.byteSize(), Arena.ofAuto()).copyFrom(decoder),
        width,
        Math.min(features, pursuit.iterations()),
        pursuit.residual());
  }

  /** What one iteration finds. */
  private static final class PursuitWork extends Work {
    final int[] feature = new int[1];
    final float[] value = new float[1];
    final int[] count = new int[1];
    final float[] row;

    PursuitWork(RowEncoder.Scratch scratch, int k, int width) {
      super(scratch, k);
      row = new float[width];
    }
  }

  @Override
  public Work work(int k, int threads) {
    return new PursuitWork(rows.scratch(1, threads), k, width);
  }

  @Override
  public void encode(
      Work work,
      int count,
      Workers workers,
      int[] features,
      float[] values,
      int at,
      int[] counts,
      int countsAt) {
    PursuitWork own = (PursuitWork) work;
    for (int v = 0; v < count; v++) {
      own.toFirst(v);
      try {
        counts[countsAt + v] = encode(own, workers, own.k, features, values, at + v * own.k);
      } catch (NonFiniteException e) {
        throw new NonFiniteException(v, e.column(), e.value());
      }
    }
  }

  /** Encodes the first vector, which becomes the residual. */
  private int encode(
      PursuitWork work, Workers workers, int most, int[] features, float[] values, int at) {
    float[] rest = work.scratch.vectors();
    int end = at;
    for (int pick = 0; pick < most; pick++) {
      rows.encode(work.scratch, 1, workers, work.feature, work.value, 0, work.count, 0);
      if (work.count[0] == 0) {
        break;
      }
      int feature = work.feature[0];
      MemorySegment.copy(decoder, FLOAT, (long) feature * width * Float.BYTES, work.row, 0, width);
      float amount = PursuitRule.amount(rest, 0, work.row, 0, width);
      if (!(amount > 0)) {
        break;
      }
      double left = PursuitRule.subtract(rest, 0, amount, work.row, 0, width);
      int before = end;
      end = PursuitRule.insert(features, values, at, before, feature, amount);
      if (end == before || left < residual) {
        break;
      }
    }
    return end - at;
  }
}

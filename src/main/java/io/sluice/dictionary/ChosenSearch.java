package io.sluice.dictionary;

import io.sluice.engine.activation.ChosenFeatures;
import io.sluice.engine.activation.CustomActivation;
import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.single.RowEncoder;
import io.sluice.simd.single.RowFormat;

/**
 * The search for a {@link CustomActivation}, which chooses among all positive features of one
 * vector at a time.
 *
 * @param factors the factors from values to scores, one per feature
 */
record ChosenSearch(RowEncoder rows, CustomActivation activation, float[] factors)
    implements Search {

  ChosenSearch(EncoderWeights weights, CustomActivation activation, RowFormat format) {
    this(
        new RowEncoder(weights, new float[weights.features()], format),
        activation,
        weights.factors());
  }

  @Override
  public int most() {
    return activation.k() > 0 ? activation.k() : rows.features();
  }

  /** The positive features of a vector, and those chosen among them. */
  private static final class ChosenWork extends Work {
    final int[] features;
    final float[] values;
    final int[] count = new int[1];
    final ChosenFeatures chosen;

    ChosenWork(RowEncoder rows, int k, int threads) {
      super(rows.scratch(rows.features(), threads), k);
      features = new int[rows.features()];
      values = new float[rows.features()];
      chosen = new ChosenFeatures(rows.features());
    }
  }

  @Override
  public Work work(int k, int threads) {
    return new ChosenWork(rows, k, threads);
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
    ChosenWork own = (ChosenWork) work;
    for (int v = 0; v < count; v++) {
      own.toFirst(v);
      try {
        rows.encode(own.scratch, 1, workers, own.features, own.values, 0, own.count, 0);
      } catch (NonFiniteException e) {
        throw new NonFiniteException(v, e.column(), e.value());
      }
      counts[countsAt + v] = choose(own, own.k, features, values, at + v * own.k);
    }
  }

  private int choose(ChosenWork own, int k, int[] features, float[] values, int at) {
    own.chosen.clear();
    for (int i = 0; i < own.count[0]; i++) {
      int feature = own.features[i];
      own.chosen.add(feature, own.values[i], factors[feature] * own.values[i]);
    }
    int count = own.chosen.choose(activation, k);
    for (int i = 0; i < count; i++) {
      features[at + i] = own.chosen.feature(i);
      values[at + i] = own.chosen.value(i);
    }
    return count;
  }
}

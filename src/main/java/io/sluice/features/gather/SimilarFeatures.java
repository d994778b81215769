package io.sluice.features.gather;

import io.sluice.engine.EngineFactory;
import io.sluice.features.FeatureTable;
import io.sluice.memory.Workers;
import java.util.Arrays;
import java.util.function.LongConsumer;

/**
 * The features whose decoder rows have the largest cosines with that of a feature, among those of
 * its layer ({@link SimilarSearch}).
 */
final class SimilarFeatures {
  private static final int KEPT = FeatureTable.SIMILAR;

  private final int[] features;
  private final float[] cosines;

  /** None yet. */
  SimilarFeatures(int count) {
    features = new int[Math.multiplyExact(count, KEPT)];
    cosines = new float[features.length];
    Arrays.fill(features, -1);
    Arrays.fill(cosines, Float.NaN);
  }

  /**
   * Finds them.
   *
   * @param progress receives how many features are done
   */
  static SimilarFeatures of(
      FeatureOwner owner, EngineFactory engines, Workers workers, LongConsumer progress) {
    SimilarFeatures found = new SimilarFeatures(owner.features());
    int first = 0;
    for (FeatureLayer layer : owner.layers()) {
      try (SimilarSearch search = new SimilarSearch(layer, first, engines, workers)) {
        for (int batch = 0; batch < search.batches(); batch++) {
          SimilarRows rows = search.find(batch);
          found.put(rows);
          progress.accept((long) rows.first() + rows.count());
        }
      }
      first += layer.parameters().features();
    }
    return found;
  }

  /** The similar features of one, by descending cosine; -1 where there is none. */
  int[] features(int feature) {
    return Arrays.copyOfRange(features, feature * KEPT, (feature + 1) * KEPT);
  }

  /** Their cosines; NaN where there is none. */
  float[] cosines(int feature) {
    return Arrays.copyOfRange(cosines, feature * KEPT, (feature + 1) * KEPT);
  }

  /** Takes those of some features. */
  void put(SimilarRows rows) {
    int at = rows.first() * KEPT;
    System.arraycopy(rows.features(), 0, features, at, rows.features().length);
    System.arraycopy(rows.cosines(), 0, cosines, at, rows.cosines().length);
  }
}

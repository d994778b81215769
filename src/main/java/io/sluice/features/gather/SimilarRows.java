package io.sluice.features.gather;

import io.sluice.features.FeatureTable;
import java.io.Serializable;

/**
 * The features most similar to each of some consecutive ones.
 *
 * @param first the first of them
 * @param features {@code [count · 5]}, by descending cosine; -1 where there is none
 * @param cosines NaN where there is none
 */
public record SimilarRows(int first, int[] features, float[] cosines) implements Serializable {
  /** How many features they are similar to. */
  public int count() {
    return features.length / FeatureTable.SIMILAR;
  }
}

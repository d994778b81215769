package io.sluice.features;

import java.io.Serializable;

/**
 * A token on which a feature fires, with the tokens around it.
 *
 * @param feature the feature
 * @param kind 0 for one of the largest activations; 1 and above for lower quantiles, descending
 * @param rank its place within the kind, from 0
 * @param row the row of the store
 * @param document the document's index in {@code documents.arrow}; -1 if not known
 * @param position the token's position in the document
 * @param activation the feature's activation there
 * @param first the position in the document of the first of {@code tokens}
 * @param tokens the ids of the tokens of the window
 * @param activations the feature's activation at each of them; 0 where it does not fire or the
 *     token was not read
 */
public record FeatureContext(
    int feature,
    int kind,
    int rank,
    long row,
    int document,
    int position,
    float activation,
    int first,
    int[] tokens,
    float[] activations)
    implements Serializable {
  /** The place in {@code tokens} of the token on which the feature fires. */
  public int at() {
    return position - first;
  }
}

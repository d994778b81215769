package io.sluice.evaluation.measures;

import io.sluice.engine.arithmetic.Codes;
import java.util.Arrays;

/** On how many tokens, and in how many contexts, each feature fires. */
public final class FeatureCounts {
  private final long[] fired;
  private final int[] contexts;
  private final int[] lastContext;
  private long tokens;

  /** Nothing counted yet. */
  public FeatureCounts(int features) {
    fired = new long[features];
    contexts = new int[features];
    lastContext = new int[features];
    Arrays.fill(lastContext, -1);
  }

  /**
   * Counts the codes of a batch.
   *
   * @param places of its tokens
   */
  public void add(Codes codes, RowPlaces places) {
    int entry = 0;
    for (int row = 0; row < codes.rows(); row++) {
      int context = places.context(row);
      for (int end = codes.offset(row + 1); entry < end; entry++) {
        int feature = codes.feature(entry);
        fired[feature]++;
        if (lastContext[feature] != context) {
          lastContext[feature] = context;
          contexts[feature]++;
        }
      }
    }
    tokens += codes.rows();
  }

  /** The number of features. */
  public int features() {
    return fired.length;
  }

  /** Tokens in all. */
  public long tokens() {
    return tokens;
  }

  /** On how many tokens each feature fires, {@code [features]}; not a copy. */
  public long[] fired() {
    return fired;
  }

  /** In how many contexts a feature fires. */
  public int contexts(int feature) {
    return contexts[feature];
  }

  /** The share of tokens on which a feature fires. */
  public double density(int feature) {
    return (double) fired[feature] / tokens;
  }
}

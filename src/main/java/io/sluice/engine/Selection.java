package io.sluice.engine;

/**
 * Which features of a token stay in its code. Values are always taken after ReLU: a code is > 0.
 */
public sealed interface Selection {

  /**
   * The {@code k} largest features of each token; fewer where fewer are positive. Of equal features
   * the lower index stays.
   *
   * @param k features per token, at least 1
   */
  record TopK(int k) implements Selection {
    public TopK {
      if (k < 1) {
        throw new IllegalArgumentException("k must be at least 1, not " + k);
      }
    }
  }
}

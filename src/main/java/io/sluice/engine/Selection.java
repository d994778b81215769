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

  /**
   * The features whose value is above their threshold, however many: ReLU with thresholds of 0,
   * JumpReLU with one per feature. Where the engine ranks by decoder norm, {@code f · ‖decoder
   * row‖} is what is compared.
   *
   * @param thresholds one per feature, or one for all
   */
  record Threshold(Thresholds thresholds) implements Selection {
    public Threshold {
      java.util.Objects.requireNonNull(thresholds, "thresholds");
    }
  }

  /**
   * The {@code k · rows} largest features of the whole batch; fewer where fewer are positive. Of
   * equal features that of the earlier token stays, and of one token's the lower index.
   *
   * @param k features per token on average, at least 1
   */
  record BatchTopK(int k) implements Selection {
    public BatchTopK {
      if (k < 1) {
        throw new IllegalArgumentException("k must be at least 1, not " + k);
      }
    }
  }
}

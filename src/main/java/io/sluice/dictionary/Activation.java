package io.sluice.dictionary;

import io.sluice.engine.Selection;

/** How a dictionary turns pre-activations into a sparse code. */
public sealed interface Activation {

  /** The engine's selection that computes this activation. */
  Selection selection();

  /** Short name in files. */
  String type();

  /**
   * ReLU, then the {@code k} largest features of each token.
   *
   * @param k features per token, at least 1
   */
  record TopK(int k) implements Activation {
    /** The name in files. */
    public static final String TYPE = "topk";

    public TopK {
      if (k < 1) {
        throw new IllegalArgumentException("k must be at least 1, not " + k);
      }
    }

    @Override
    public Selection selection() {
      return new Selection.TopK(k);
    }

    @Override
    public String type() {
      return TYPE;
    }
  }
}

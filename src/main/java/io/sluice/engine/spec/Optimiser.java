package io.sluice.engine.spec;

/**
 * How an engine updates parameters from gradients. Both optimisers that train are Adam; they differ
 * in which rows a step updates.
 */
public enum Optimiser {
  /**
   * Adam (Kingma and Ba 2015): every parameter moves at every step, by momentum if nothing else.
   */
  ADAM("adam"),

  /**
   * Adam whose moments decay at every step, but where a feature's row moves only at the steps at
   * which the feature fired (arXiv 2508.16929): no stale momentum. Bias correction counts all
   * steps. Engines may decay a row's moments late, when the row fires again; the outcome is the
   * same to rounding.
   */
  SPARSE_ADAM("sparse-adam"),

  /** No training: the engine keeps no moments, and {@code Engine.accumulate} is refused. */
  NONE("none");

  private final String label;

  Optimiser(String label) {
    this.label = label;
  }

  /** The name on the command line and in files. */
  public String label() {
    return label;
  }

  /** The optimiser whose {@link #label()} is {@code label}. */
  public static Optimiser ofLabel(String label) {
    for (Optimiser optimiser : values()) {
      if (optimiser.label.equals(label)) {
        return optimiser;
      }
    }
    throw new IllegalArgumentException(
        "unknown optimiser '" + label + "'; known: adam, sparse-adam, none");
  }
}

package io.sluice.engine.activation;

import java.util.List;

/**
 * The parameters that an engine learns for each feature in addition to its rows and its encoder
 * bias.
 */
public enum Learned {
  /** Nothing else. */
  NOTHING(),

  /**
   * The threshold of JumpReLU (arXiv 2407.14435), as its logarithm {@code log θ}; see {@link
   * LearnedJumpReLU}.
   */
  THRESHOLD(Learned.LOG_THRESHOLD),

  /**
   * Scale and bias of a gated feature's magnitude (arXiv 2404.16014), {@code eʳ·⟨w, x⟩ + b}; the
   * encoder's row and bias are its gate's. See {@link LearnedGated}.
   */
  GATE(Learned.LOG_SCALE, Learned.MAGNITUDE_BIAS);

  /** The name of {@code log θ} in an engine's state. */
  public static final String LOG_THRESHOLD = "log_threshold";

  /** The name of {@code r} in an engine's state. */
  public static final String LOG_SCALE = "log_scale";

  /** The name of the magnitudes' bias in an engine's state. */
  public static final String MAGNITUDE_BIAS = "magnitude_bias";

  private final List<String> names;

  Learned(String... names) {
    this.names = List.of(names);
  }

  /** Names in the state, float32 {@code [features]} each; all zero in a new engine. */
  public List<String> names() {
    return names;
  }
}

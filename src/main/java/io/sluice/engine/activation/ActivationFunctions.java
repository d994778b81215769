package io.sluice.engine.activation;

import java.util.List;

/** The activation functions by their names. */
public final class ActivationFunctions {
  /** One of each label; k and thresholds stand for those that are read or given. */
  private static final List<ActivationFunction> ALL =
      List.of(
          new TopK(1),
          new AbsTopK(1),
          new BatchTopK(1),
          new ReLU(),
          new JumpReLU(Thresholds.uniform(0)),
          new Gated(Thresholds.uniform(0)),
          new Pursuit(1, 0));

  private ActivationFunctions() {}

  /** All names. */
  public static List<String> labels() {
    return ALL.stream().map(ActivationFunction::label).toList();
  }

  /**
   * The one of this name, with the least settings: k is 1 and thresholds are 0.
   *
   * @throws IllegalArgumentException if there is none; the message lists those there are
   */
  public static ActivationFunction named(String label) {
    for (ActivationFunction each : ALL) {
      if (each.label().equals(label)) {
        return each;
      }
    }
    throw new IllegalArgumentException(
        "unknown activation '" + label + "'; known: " + String.join(", ", labels()));
  }

  /** Refuses a {@code k} that is no number of features. */
  static void requirePositive(int k) {
    if (k < 1) {
      throw new IllegalArgumentException("k must be at least 1, not " + k);
    }
  }
}

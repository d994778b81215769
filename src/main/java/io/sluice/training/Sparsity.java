package io.sluice.training;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What keeps codes sparse while a dictionary learns. */
public enum Sparsity {
  /** The k largest features of each token stay. */
  TOPK,

  /** The k·n largest features of a batch of n tokens stay (arXiv 2412.06410). */
  BATCHTOPK,

  /** All positive features stay, and the loss has a penalty: each code times its decoder norm. */
  RELU;

  /** The name in files and on the command line. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The one of this name.
   *
   * @throws IllegalArgumentException if there is none; the message lists those there are
   */
  public static Sparsity ofLabel(String label) {
    for (Sparsity each : values()) {
      if (each.label().equals(label)) {
        return each;
      }
    }
    throw new IllegalArgumentException(
        "unknown activation '"
            + label
            + "'; known: "
            + Arrays.stream(values()).map(Sparsity::label).collect(Collectors.joining(", ")));
  }
}

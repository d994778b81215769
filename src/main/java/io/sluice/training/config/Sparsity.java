package io.sluice.training.config;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What keeps codes sparse while a dictionary learns. */
public enum Sparsity {
  /** The k largest features of each token stay. */
  TOPK,

  /** The k features of each token furthest from 0 stay, with their signs (arXiv 2510.00404). */
  ABSTOPK,

  /** The k·n largest features of a batch of n tokens stay (arXiv 2412.06410). */
  BATCHTOPK,

  /** All positive features stay, and the loss has a penalty: each code times its decoder norm. */
  RELU,

  /** Those above a threshold of their own, which is learned (arXiv 2407.14435); with a penalty. */
  JUMPRELU,

  /** Those whose gate is open, which is learned (arXiv 2404.16014); with a penalty on gates. */
  GATED,

  /** Those that matching pursuit picks, k at most (arXiv 2506.03093). */
  MATCHING_PURSUIT;

  /** Whether a penalty, and not a number, keeps codes few. */
  public boolean isPenalised() {
    return this == RELU || this == JUMPRELU || this == GATED;
  }

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

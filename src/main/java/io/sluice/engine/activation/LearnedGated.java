package io.sluice.engine.activation;

/**
 * {@link Gated} as it is learned: the features whose gate is open, with their magnitudes
 * (Rajamanoharan et al. 2024, arXiv 2404.16014), which needs {@link Learned#GATE}. With {@code z =
 * (x − p)·W_E[j]} a gate is open where {@code q = z + b_E[j] > 0}, and the code is {@code ReLU(eʳ·z
 * + b)}. Gates learn from the error of {@code q·W_D + b_D}, whose decoder gets no gradient, and
 * from penalties, which charge {@code q} in the code's place.
 */
public record LearnedGated() implements ActivationFunction {
  @Override
  public String label() {
    return Gated.LABEL;
  }

  @Override
  public boolean isPenalised() {
    return true;
  }

  @Override
  public Learned learned() {
    return Learned.GATE;
  }
}

package io.sluice.engine.activation;

/**
 * {@link Gated} in training: the features whose gate is open, with their magnitudes (Rajamanoharan
 * et al. 2024, arXiv 2404.16014). The engine needs the parameters of {@link Learned#GATE}. With
 * {@code z = (x − p)·W_E[j]} a gate is open where {@code q = z + b_E[j] > 0}, and the code is
 * {@code ReLU(eʳ·z + b)}. Gates learn from the error of {@code q·W_D + b_D}, in which the decoder
 * is held constant, and from the penalty, which is computed of {@code q} instead of the code.
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

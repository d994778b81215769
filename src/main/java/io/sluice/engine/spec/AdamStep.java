package io.sluice.engine.spec;

/**
 * The settings of one optimiser step. The update is that of Kingma and Ba (2015) as PyTorch states
 * it: {@code m = β₁m + (1−β₁)g}, {@code v = β₂v + (1−β₂)g²}, {@code p −= η · (m / (1−β₁ᵗ)) /
 * (sqrt(v / (1−β₂ᵗ)) + ε)}.
 *
 * @param step t, counted from 1 over the whole run
 * @param learningRate η
 * @param beta1 β₁, decay of the first moment, in [0, 1)
 * @param beta2 β₂, decay of the second moment, in [0, 1)
 * @param epsilon ε, positive
 */
public record AdamStep(long step, double learningRate, double beta1, double beta2, double epsilon) {

  public AdamStep {
    if (step < 1) {
      throw new IllegalArgumentException("steps count from 1, not from " + step);
    }
    if (!(learningRate >= 0) || Double.isInfinite(learningRate)) {
      throw new IllegalArgumentException(
          "learning rate must be finite and not negative: " + learningRate);
    }
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
      throw new IllegalArgumentException("betas must lie in [0, 1): " + beta1 + " and " + beta2);
    }
    if (!(epsilon > 0)) {
      throw new IllegalArgumentException("epsilon must be positive: " + epsilon);
    }
  }

  /** {@code 1 − β₁ᵗ}. */
  public double firstCorrection() {
    return 1 - Math.pow(beta1, step);
  }

  /** {@code 1 − β₂ᵗ}. */
  public double secondCorrection() {
    return 1 - Math.pow(beta2, step);
  }
}

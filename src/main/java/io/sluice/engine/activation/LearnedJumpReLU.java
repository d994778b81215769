package io.sluice.engine.activation;

/**
 * {@link JumpReLU} in training: the features whose value is above the engine's {@code θ = e^{log
 * θ}}. The engine needs the parameters of {@link Learned#THRESHOLD}. Thresholds get their gradient
 * from the values that lie less than half a window from them, on either side (a straight-through
 * estimate with a rectangle for a kernel, Rajamanoharan et al. 2024, arXiv 2407.14435): with {@code
 * ∂f} the gradient of the code and {@code c} the penalty of one more code,
 *
 * <pre>∂(log θ_j) = −(θ_j / ε) · Σ (θ_j·∂f_j + c)   over |value − θ_j| &lt; ε / 2</pre>
 *
 * @param bandwidth ε, the width of the window, positive
 */
public record LearnedJumpReLU(double bandwidth) implements ActivationFunction {
  public LearnedJumpReLU {
    if (!(bandwidth > 0) || Double.isInfinite(bandwidth)) {
      throw new IllegalArgumentException(
          "a bandwidth must be positive and finite, not " + bandwidth);
    }
  }

  @Override
  public String label() {
    return JumpReLU.LABEL;
  }

  @Override
  public boolean isPenalised() {
    return true;
  }

  @Override
  public Learned learned() {
    return Learned.THRESHOLD;
  }
}

package io.sluice.engine;

/**
 * Which features of a token stay in its code. Values are taken after ReLU, so that a code is > 0,
 * but for {@link AbsTopK}.
 */
public sealed interface Selection {

  /**
   * The {@code k} largest features of each token; fewer where fewer are positive. Of equal features
   * the lower index stays.
   *
   * @param k features per token, at least 1
   */
  record TopK(int k) implements Selection {
    public TopK {
      if (k < 1) {
        throw new IllegalArgumentException("k must be at least 1, not " + k);
      }
    }
  }

  /**
   * The {@code k} features of each token whose pre-activation is furthest from 0, on either side,
   * with their signs: a feature then stands for a concept and its opposite (AbsTopK, arXiv
   * 2510.00404). Of equal features the lower index stays.
   *
   * @param k features per token, at least 1
   */
  record AbsTopK(int k) implements Selection {
    public AbsTopK {
      if (k < 1) {
        throw new IllegalArgumentException("k must be at least 1, not " + k);
      }
    }
  }

  /**
   * Matching pursuit (arXiv 2506.03093): what the decoder says is left of a token is encoded again
   * and again. Of the residual {@code r}, which starts at {@code x − p}, the feature with the
   * largest {@code a = ⟨r, W_D[j]⟩ > 0} joins the code with {@code a}, and {@code r} loses {@code
   * a·W_D[j]}. It ends after a number of picks, with a residual shorter than {@code residual}, with
   * a feature picked for the second time, whose code then is the sum, or where no product is
   * positive. Encoder rows and biases are not used and do not learn; decoder rows should be about
   * one long. Needs equal widths.
   *
   * @param iterations most picks, at least 1
   * @param residual length, 0 for none
   */
  record Pursuit(int iterations, double residual) implements Selection {
    public Pursuit {
      if (iterations < 1) {
        throw new IllegalArgumentException("iterations must be at least 1, not " + iterations);
      }
      if (!(residual >= 0) || Double.isInfinite(residual)) {
        throw new IllegalArgumentException("a residual must be at least 0, not " + residual);
      }
    }
  }

  /**
   * The features whose value is above their threshold, however many: ReLU with thresholds of 0,
   * JumpReLU with one per feature. Where the engine ranks by decoder norm, {@code f · ‖decoder
   * row‖} is what is compared.
   *
   * @param thresholds one per feature, or one for all
   */
  record Threshold(Thresholds thresholds) implements Selection {
    public Threshold {
      java.util.Objects.requireNonNull(thresholds, "thresholds");
    }
  }

  /**
   * The {@code k · rows} largest features of the whole batch; fewer where fewer are positive. Of
   * equal features that of the earlier token stays, and of one token's the lower index.
   *
   * @param k features per token on average, at least 1
   */
  record BatchTopK(int k) implements Selection {
    public BatchTopK {
      if (k < 1) {
        throw new IllegalArgumentException("k must be at least 1, not " + k);
      }
    }
  }

  /**
   * JumpReLU as it is learned: the features whose value is above the engine's own {@code θ = e^{log
   * θ}}, which needs {@link Learned#THRESHOLD}. Thresholds get their gradient from the values that
   * lie less than half a window from them, on either side (a straight-through estimate with a
   * rectangle for a kernel, Rajamanoharan et al. 2024, arXiv 2407.14435): with {@code ∂f} the
   * gradient of the code and {@code c} what one more code costs,
   *
   * <pre>∂(log θ_j) = −(θ_j / ε) · Σ (θ_j·∂f_j + c)   over |value − θ_j| &lt; ε / 2</pre>
   *
   * @param bandwidth ε, the width of the window, positive
   */
  record LearnedThreshold(double bandwidth) implements Selection {
    public LearnedThreshold {
      if (!(bandwidth > 0) || Double.isInfinite(bandwidth)) {
        throw new IllegalArgumentException(
            "a bandwidth must be positive and finite, not " + bandwidth);
      }
    }
  }

  /**
   * The features whose gate is open, with their magnitudes (Rajamanoharan et al. 2024, arXiv
   * 2404.16014), which needs {@link Learned#GATE}: with {@code z = (x − p)·W_E[j]} a gate is open
   * where {@code q = z + b_E[j] > 0}, and the code is {@code ReLU(eʳ·z + b)}. Gates learn from the
   * error of {@code q·W_D + b_D}, whose decoder gets no gradient, and from penalties, which charge
   * {@code q} in the code's place.
   */
  record Gate() implements Selection {}
}

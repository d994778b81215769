package io.sluice.engine.spec;

/**
 * The penalty on a code in the loss. It is a function of {@code u = f_j · ‖W_D[j]‖}, so that
 * features cannot avoid it with small codes and long rows.
 */
public sealed interface Penalty {

  /** The penalty of a code. */
  double of(double u);

  /** How the cost grows with the code. */
  double slope(double u);

  /** {@code u} itself: L1. */
  record Linear() implements Penalty {
    @Override
    public double of(double u) {
      return u;
    }

    @Override
    public double slope(double u) {
      return 1;
    }
  }

  /**
   * {@code tanh(s·u)}: as L1 for small codes, and no charge on how large a large one is.
   *
   * @param scale s, positive
   */
  record Tanh(double scale) implements Penalty {
    public Tanh {
      requirePositive("scale", scale);
    }

    @Override
    public double of(double u) {
      return Math.tanh(scale * u);
    }

    @Override
    public double slope(double u) {
      double value = Math.tanh(scale * u);
      return scale * (1 - value * value);
    }
  }

  /**
   * {@code (u + δ)ᵖ − δᵖ} with {@code δ} = {@value #NEAR_ZERO}: L1 for p = 1, and for smaller p
   * nearer and nearer to the number of codes (p-annealing, arXiv 2408.00113, its {@code Lpᵖ}).
   * Without {@code δ} the slope at 0 would be infinite.
   *
   * @param exponent p, in (0, 1]
   */
  record Power(double exponent) implements Penalty {
    /** δ. */
    public static final double NEAR_ZERO = 1e-3;

    public Power {
      if (!(exponent > 0 && exponent <= 1)) {
        throw new IllegalArgumentException("an exponent p must lie in (0, 1], not " + exponent);
      }
    }

    @Override
    public double of(double u) {
      return Math.pow(u + NEAR_ZERO, exponent) - Math.pow(NEAR_ZERO, exponent);
    }

    @Override
    public double slope(double u) {
      return exponent * Math.pow(u + NEAR_ZERO, exponent - 1);
    }
  }

  /**
   * One per code: L0. Codes feel nothing of it, thresholds do, by the window of {@link
   * io.sluice.engine.activation.LearnedJumpReLU}, which it needs.
   */
  record Count() implements Penalty {
    @Override
    public double of(double u) {
      return u > 0 ? 1 : 0;
    }

    @Override
    public double slope(double u) {
      return 0;
    }
  }

  private static void requirePositive(String what, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(what + " must be positive and finite, not " + value);
    }
  }
}

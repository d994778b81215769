package io.sluice.simd.layers;

/**
 * Functions of one value that a layer applies to its inner activations. The vector kernels are
 * within 4e-7 of the exact value for inputs of ordinary size, and 4e-7 of the input beyond.
 */
public enum Nonlinearity {
  /** {@code x·Φ(x)}, exact. */
  GELU {
    @Override
    public double of(double x) {
      return x * normal(x);
    }
  },
  /** GELU in its tanh approximation. */
  GELU_TANH {
    @Override
    public double of(double x) {
      return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
    }
  },
  /** {@code max(x, 0)}. */
  RELU {
    @Override
    public double of(double x) {
      return Math.max(x, 0);
    }
  },
  /** {@code x·sigmoid(x)}. */
  SILU {
    @Override
    public double of(double x) {
      return x / (1 + Math.exp(-x));
    }
  };

  /** The definition, in float64. */
  public abstract double of(double x);

  /** The distribution function of the normal distribution: a continued fraction or a series. */
  private static double normal(double x) {
    double z = Math.abs(x);
    double density = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
    double tail;
    if (z < 3) {
      double term = z;
      double sum = z;
      for (int n = 1; n < 60; n++) {
        term *= z * z / (2 * n + 1);
        sum += term;
      }
      tail = 0.5 - density * sum;
    } else {
      double fraction = z;
      for (int n = 60; n > 0; n--) {
        fraction = z + n / fraction;
      }
      tail = density / fraction;
    }
    return x > 0 ? 1 - tail : tail;
  }
}

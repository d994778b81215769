package io.sluice.model.parts;

import io.sluice.simd.layers.Nonlinearity;
import io.sluice.torch.Tensor;
import java.io.IOException;

/** Activation functions of MLPs. */
public enum MlpActivation {
  /** {@code x·Φ(x)}, exact. */
  GELU,
  /** GELU in its tanh approximation. */
  GELU_TANH,
  /** {@code max(x, 0)}. */
  RELU,
  /** {@code x·sigmoid(x)}. */
  SILU;

  /**
   * Reads a setting of {@code config.json}.
   *
   * @throws IOException if the file names another function
   */
  public static MlpActivation read(ConfigFile config, String setting, String otherwise)
      throws IOException {
    return switch (config.text(setting, otherwise)) {
      case "gelu", "gelu_python" -> GELU;
      case "gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_fast", "gelu_accurate" ->
          GELU_TANH;
      case "relu" -> RELU;
      case "silu", "swish" -> SILU;
      case String other ->
          throw config.unsupported(
              setting,
              other,
              "gelu, gelu_accurate, gelu_fast, gelu_new, gelu_python, gelu_python_tanh,"
                  + " gelu_pytorch_tanh, relu, silu, swish");
    };
  }

  /** The function of one number. */
  public double of(double x) {
    return switch (this) {
      case GELU -> x / 2 * (1 + erf(x / Math.sqrt(2)));
      case GELU_TANH ->
          x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
      case RELU -> Math.max(0, x);
      case SILU -> x / (1 + Math.exp(-x));
    };
  }

  /** The same for the vector kernels. */
  public Nonlinearity function() {
    return switch (this) {
      case GELU -> Nonlinearity.GELU;
      case GELU_TANH -> Nonlinearity.GELU_TANH;
      case RELU -> Nonlinearity.RELU;
      case SILU -> Nonlinearity.SILU;
    };
  }

  /** The function of each element. */
  public Tensor apply(Tensor x) {
    return switch (this) {
      case GELU -> x.gelu();
      case GELU_TANH -> x.geluTanh();
      case RELU -> x.relu();
      case SILU -> x.silu();
    };
  }

  /** The error function, by its series; exact to 1e-12 where functions are compared. */
  public static double erf(double x) {
    if (Math.abs(x) > 5) {
      return Math.signum(x);
    }
    double term = x;
    double sum = x;
    for (int n = 1; n < 200; n++) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
}

package io.sluice.model.parts;

import io.sluice.torch.Tensor;
import java.io.IOException;

/**
 * An affine map.
 *
 * @param weight {@code [out, in]}
 * @param bias {@code [out]}, or null for none
 */
public record Linear(Tensor weight, Tensor bias) {
  /** The module of this name, {@code module.weight} and, if it has one, {@code module.bias}. */
  public static Linear of(WeightLoader loader, String module, long out, long in, boolean biased)
      throws IOException {
    return new Linear(
        loader.load(module + ".weight", out, in),
        biased ? loader.load(module + ".bias", out) : null);
  }

  public Tensor apply(Tensor x) {
    return x.linear(weight, bias);
  }

  public int out() {
    return (int) weight.size(0);
  }

  public int in() {
    return (int) weight.size(1);
  }

  /** Whether the weight is in memory as {@code [in, out]}. */
  public boolean isTransposed() {
    return !weight.isContiguous();
  }

  /** The weight as it is in memory; a view in the innermost scope if it {@link #isTransposed}. */
  public Tensor stored() {
    return isTransposed() ? weight.transpose(0, 1) : weight;
  }
}

package io.sluice.model;

import io.sluice.torch.Tensor;
import java.io.IOException;

/**
 * An affine map.
 *
 * @param weight {@code [out, in]}
 * @param bias {@code [out]}, or null for none
 */
record Linear(Tensor weight, Tensor bias) {
  /** The module of this name, {@code module.weight} and, if it has one, {@code module.bias}. */
  static Linear of(WeightLoader loader, String module, long out, long in, boolean biased)
      throws IOException {
    return new Linear(
        loader.load(module + ".weight", out, in),
        biased ? loader.load(module + ".bias", out) : null);
  }

  Tensor apply(Tensor x) {
    return x.linear(weight, bias);
  }

  int out() {
    return (int) weight.size(0);
  }

  int in() {
    return (int) weight.size(1);
  }

  /** Whether the weight is in memory as {@code [in, out]}. */
  boolean isTurned() {
    return !weight.isContiguous();
  }

  /** The weight as it is in memory; a view in the innermost scope if it {@link #isTurned}. */
  Tensor stored() {
    return isTurned() ? weight.transpose(0, 1) : weight;
  }
}

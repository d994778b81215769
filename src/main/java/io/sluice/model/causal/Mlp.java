package io.sluice.model.causal;

import io.sluice.model.parts.Linear;
import io.sluice.model.parts.MlpActivation;
import io.sluice.torch.Tensor;

/** The multilayer perceptron of a layer. */
public sealed interface Mlp {
  /** The hidden layer: what {@link #down} reads. */
  Tensor inner(Tensor x);

  /** The last projection. */
  Linear down();

  /** {@code down(act(up(x)))}. */
  record Plain(Linear up, MlpActivation activation, Linear down) implements Mlp {
    @Override
    public Tensor inner(Tensor x) {
      return activation.apply(up.apply(x));
    }
  }

  /** {@code down(act(gate(x)) · up(x))}. */
  record Gated(Linear gate, Linear up, MlpActivation activation, Linear down) implements Mlp {
    @Override
    public Tensor inner(Tensor x) {
      return activation.apply(gate.apply(x)).mul_(up.apply(x));
    }
  }
}

package io.sluice.model.causal;

import io.sluice.model.parts.Linear;
import io.sluice.model.parts.MlpActivation;
import io.sluice.model.parts.WeightLoader;
import io.sluice.torch.Tensor;
import java.io.IOException;

/** The multilayer perceptron of a layer. */
public sealed interface Mlp {
  /** What it adds to the residual stream. */
  Tensor apply(Tensor x);

  /** {@code down(act(up(x)))}. */
  record Plain(Linear up, MlpActivation activation, Linear down) implements Mlp {
    @Override
    public Tensor apply(Tensor x) {
      return down.apply(activation.apply(up.apply(x)));
    }
  }

  /** {@code down(act(gate(x)) · up(x))}. */
  record Gated(Linear gate, Linear up, MlpActivation activation, Linear down) implements Mlp {
    static Gated of(WeightLoader loader, String module, CausalConfig config) throws IOException {
      int outer = config.dModel();
      int inner = config.intermediate();
      boolean biased = config.mlpBias();
      return new Gated(
          Linear.of(loader, module + ".gate_proj", inner, outer, biased),
          Linear.of(loader, module + ".up_proj", inner, outer, biased),
          config.activation(),
          Linear.of(loader, module + ".down_proj", outer, inner, biased));
    }

    @Override
    public Tensor apply(Tensor x) {
      return down.apply(activation.apply(gate.apply(x)).mul_(up.apply(x)));
    }
  }
}

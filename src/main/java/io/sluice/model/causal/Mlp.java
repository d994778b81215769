package io.sluice.model.causal;

import io.sluice.model.cpu.CpuLayers;
import io.sluice.model.cpu.CpuMlp;
import io.sluice.model.parts.Linear;
import io.sluice.model.parts.MlpActivation;
import io.sluice.torch.Tensor;
import java.util.List;

/** The multilayer perceptron of a layer, or what stands in its place. */
public sealed interface Mlp permits Mlp.Dense, Mixture {
  /**
   * The same for the CPU.
   *
   * @param matrices makes one matrix of those that read the same rows
   */
  CpuMlp onCpu(CpuLayers.Matrices matrices);

  /** One with a hidden layer, which all tokens pass. */
  sealed interface Dense extends Mlp permits Plain, Gated {
    /** The hidden layer: what {@link #down} reads. */
    Tensor inner(Tensor x);

    /** The last projection. */
    Linear down();

    @Override
    CpuMlp.Dense onCpu(CpuLayers.Matrices matrices);
  }

  /** {@code down(act(up(x)))}. */
  record Plain(Linear up, MlpActivation activation, Linear down) implements Dense {
    @Override
    public Tensor inner(Tensor x) {
      return activation.apply(up.apply(x));
    }

    @Override
    public CpuMlp.Dense onCpu(CpuLayers.Matrices matrices) {
      return new CpuMlp.Dense(
          null, matrices.apply(List.of(up)), activation.function(), matrices.apply(List.of(down)));
    }
  }

  /** {@code down(act(gate(x)) · up(x))}. */
  record Gated(Linear gate, Linear up, MlpActivation activation, Linear down) implements Dense {
    @Override
    public Tensor inner(Tensor x) {
      return activation.apply(gate.apply(x)).mul_(up.apply(x));
    }

    @Override
    public CpuMlp.Dense onCpu(CpuLayers.Matrices matrices) {
      return new CpuMlp.Dense(
          matrices.apply(List.of(gate)),
          matrices.apply(List.of(up)),
          activation.function(),
          matrices.apply(List.of(down)));
    }
  }
}

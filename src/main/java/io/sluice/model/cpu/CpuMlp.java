package io.sluice.model.cpu;

import io.sluice.memory.Workers;
import io.sluice.simd.layers.Nonlinearity;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** The MLP of a {@link CpuLayer}. */
public sealed interface CpuMlp {
  /**
   * One with a hidden layer, which all rows pass.
   *
   * @param gate of a gated MLP; null for a plain one
   * @param up inner activations
   * @param activation of those, or of the gate
   * @param down what the MLP writes
   */
  record Dense(LayerMatrix gate, LayerMatrix up, Nonlinearity activation, LayerMatrix down)
      implements CpuMlp {
    /** The hidden layer of some rows. */
    void inner(MemorySegment rows, int count, MemorySegment to, Workers workers) {
      if (gate == null) {
        up.multiply(activation, rows, count, to, workers);
      } else {
        up.multiplyGated(gate, activation, rows, count, to, workers);
      }
    }
  }

  /**
   * A mixture of experts, as {@link io.sluice.model.parts.Routing} mixes them.
   *
   * @param router makes one logit for each expert
   * @param experts all of them, of one size
   * @param chosen how many a row goes to
   * @param normalised whether the weights of a row's experts are divided by their sum
   * @param shared the expert that every row goes to; null for none
   * @param sharedGate its sigmoid is the weight of the shared expert; null for none
   */
  record Mixture(
      LayerMatrix router,
      List<Dense> experts,
      int chosen,
      boolean normalised,
      Dense shared,
      LayerMatrix sharedGate)
      implements CpuMlp {}
}

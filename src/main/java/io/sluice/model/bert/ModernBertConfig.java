package io.sluice.model.bert;

import io.sluice.model.ModelShape;
import io.sluice.model.parts.MlpActivation;
import io.sluice.model.rotary.Rotary;
import java.util.List;

/**
 * The configuration of a ModernBERT encoder.
 *
 * @param layers number of layers
 * @param dModel width of the residual stream
 * @param heads attention heads per layer; divides {@code dModel}
 * @param intermediate width inside the MLP
 * @param vocabulary rows of the token embedding
 * @param positions the most tokens in one context
 * @param epsilon added to the variance in layer normalisation
 * @param normBias whether norms have biases
 * @param attentionBias whether the attention's projections have biases
 * @param mlpBias whether the MLP's projections have biases
 * @param activation the MLP's activation function
 * @param windows per layer, a query attends to keys that are nearer than this; 0 for all
 * @param full rotates queries and keys of layers that see all
 * @param local rotates those of layers with a window
 */
record ModernBertConfig(
    int layers,
    int dModel,
    int heads,
    int intermediate,
    int vocabulary,
    int positions,
    double epsilon,
    boolean normBias,
    boolean attentionBias,
    boolean mlpBias,
    MlpActivation activation,
    List<Integer> windows,
    Rotary full,
    Rotary local) {
  /** Copies the list. */
  ModernBertConfig {
    windows = List.copyOf(windows);
  }

  int headDim() {
    return dModel / heads;
  }

  ModelShape shape() {
    return new ModelShape(
        ModernBertCheckpoint.LABEL,
        layers,
        dModel,
        heads,
        headDim(),
        intermediate,
        vocabulary,
        positions);
  }
}

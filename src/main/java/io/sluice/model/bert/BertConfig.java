package io.sluice.model.bert;

import io.sluice.model.ModelShape;
import io.sluice.model.parts.MlpActivation;

/**
 * The configuration of a BERT encoder.
 *
 * @param layers number of layers
 * @param dModel width of the residual stream
 * @param heads attention heads per layer; divides {@code dModel}
 * @param intermediate width inside the MLP
 * @param vocabulary rows of the token embedding
 * @param positions rows of the position embedding
 * @param types rows of the token-type embedding
 * @param layerNormEpsilon added to the variance in layer normalisation
 * @param activation the MLP's activation function
 */
record BertConfig(
    int layers,
    int dModel,
    int heads,
    int intermediate,
    int vocabulary,
    int positions,
    int types,
    double layerNormEpsilon,
    MlpActivation activation) {
  /**
   * Checks the numbers against each other.
   *
   * @throws IllegalArgumentException if one is not positive, or the heads do not divide the width
   */
  BertConfig {
    requirePositive("layers", layers);
    requirePositive("hidden_size", dModel);
    requirePositive("heads", heads);
    requirePositive("intermediate_size", intermediate);
    requirePositive("vocab_size", vocabulary);
    requirePositive("max_position_embeddings", positions);
    requirePositive("type_vocab_size", types);
    if (dModel % heads != 0) {
      throw new IllegalArgumentException(
          heads + " attention heads do not divide a width of " + dModel);
    }
    if (!(layerNormEpsilon >= 0 && layerNormEpsilon < 1)) {
      throw new IllegalArgumentException("layer_norm_eps is " + layerNormEpsilon);
    }
  }

  ModelShape shape() {
    return new ModelShape(
        BertCheckpoint.LABEL,
        layers,
        dModel,
        heads,
        dModel / heads,
        intermediate,
        vocabulary,
        positions);
  }

  private static void requirePositive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " is " + value);
    }
  }
}

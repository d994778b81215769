package io.sluice.model.bert;

import io.sluice.model.ModelShape;
import io.sluice.model.TokenBatch;
import io.sluice.model.parts.MlpActivation;

/**
 * The configuration of an encoder of BERT's family.
 *
 * @param architecture the family member, as {@code model_type} names it
 * @param layers number of layers
 * @param dModel width of the residual stream
 * @param heads attention heads per layer; divides {@code dModel}
 * @param intermediate width inside the MLP
 * @param vocabulary rows of the token embedding
 * @param positions rows of the position embedding
 * @param types rows of the token-type embedding
 * @param layerNormEpsilon added to the variance in layer normalisation
 * @param activation the MLP's activation function
 * @param padding the id of the padding token, where positions are counted as RoBERTa counts them:
 *     the first is the id plus 1, and padding tokens inside a text are not counted; {@link
 *     #FROM_ZERO} where the first is 0
 */
record BertConfig(
    String architecture,
    int layers,
    int dModel,
    int heads,
    int intermediate,
    int vocabulary,
    int positions,
    int types,
    double layerNormEpsilon,
    MlpActivation activation,
    int padding) {
  /** Positions are counted from 0. */
  static final int FROM_ZERO = -1;

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
    if (padding < FROM_ZERO || padding >= vocabulary || padding >= positions - 1) {
      throw new IllegalArgumentException(
          "padding token "
              + padding
              + " in a vocabulary of "
              + vocabulary
              + " and "
              + positions
              + " positions");
    }
    if (!(layerNormEpsilon >= 0 && layerNormEpsilon < 1)) {
      throw new IllegalArgumentException("layer_norm_eps is " + layerNormEpsilon);
    }
  }

  ModelShape shape() {
    return new ModelShape(
        architecture,
        layers,
        dModel,
        heads,
        dModel / heads,
        intermediate,
        vocabulary,
        positions - (padding + 1));
  }

  /** The position that each token of a batch has in the table of positions. */
  long[] places(TokenBatch batch) {
    long[] places = new long[batch.size() * batch.length()];
    for (int context = 0; context < batch.size(); context++) {
      int next = padding + 1;
      for (int i = 0; i < batch.length(context); i++) {
        boolean counts = padding == FROM_ZERO || batch.id(context, i) != padding;
        places[context * batch.length() + i] = counts ? next++ : padding;
      }
    }
    return places;
  }

  private static void requirePositive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " is " + value);
    }
  }
}

package io.sluice.model.causal;

import io.sluice.model.ModelShape;
import io.sluice.model.parts.MlpActivation;

/**
 * The configuration of a causal language model, from whatever kind of file.
 *
 * @param architecture the family
 * @param layers number of layers
 * @param dModel width of the residual stream
 * @param intermediate width inside the MLP
 * @param vocabulary rows of the token embedding
 * @param positions the most tokens in one context
 * @param normEpsilon added to the variance or mean square in normalisation
 * @param activation the MLP's activation function
 * @param mlpBias whether the MLP's projections have biases, in architectures that leave it open
 * @param parallelResidual whether attention and MLP read the same input, in architectures that
 *     leave it open
 * @param tiedHead whether the token embedding is the head's weight, too
 * @param logitCap {@code c} in {@code c·tanh(logits / c)}; 0 for none
 * @param attention the attention blocks
 * @param mixture the mixtures of experts; null for none
 */
public record CausalConfig(
    Architecture architecture,
    int layers,
    int dModel,
    int intermediate,
    int vocabulary,
    int positions,
    double normEpsilon,
    MlpActivation activation,
    boolean mlpBias,
    boolean parallelResidual,
    boolean tiedHead,
    double logitCap,
    AttentionConfig attention,
    MixtureConfig mixture) {
  /** Hook points have room for four digits. */
  private static final int MAX_LAYERS = 9999;

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of range, or two do not fit each other
   */
  public CausalConfig {
    requireLayers(layers);
    requirePositive("width", dModel);
    requirePositive("width inside the MLP", intermediate);
    requirePositive("vocabulary", vocabulary);
    requirePositive("number of positions", positions);
    if (!(normEpsilon >= 0 && normEpsilon < 1)) {
      throw new IllegalArgumentException("epsilon of the normalisation is " + normEpsilon);
    }
    if (!(logitCap >= 0 && logitCap < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("cap of the logits is " + logitCap);
    }
    if (attention.windows().size() != layers) {
      throw new IllegalArgumentException(
          attention.windows().size() + " attention windows for " + layers + " layers");
    }
  }

  /** A model without mixtures of experts. */
  public CausalConfig(
      Architecture architecture,
      int layers,
      int dModel,
      int intermediate,
      int vocabulary,
      int positions,
      double normEpsilon,
      MlpActivation activation,
      boolean mlpBias,
      boolean parallelResidual,
      boolean tiedHead,
      double logitCap,
      AttentionConfig attention) {
    this(
        architecture,
        layers,
        dModel,
        intermediate,
        vocabulary,
        positions,
        normEpsilon,
        activation,
        mlpBias,
        parallelResidual,
        tiedHead,
        logitCap,
        attention,
        null);
  }

  ModelShape shape() {
    return new ModelShape(
        architecture.label(),
        layers,
        dModel,
        attention.heads(),
        attention.headDim(),
        intermediate,
        vocabulary,
        positions);
  }

  /**
   * Checks the number of layers, before anything is made for each of them.
   *
   * @throws IllegalArgumentException if no model has so many
   */
  static void requireLayers(int layers) {
    requirePositive("number of layers", layers);
    if (layers > MAX_LAYERS) {
      throw new IllegalArgumentException(
          "number of layers is " + layers + "; at most " + MAX_LAYERS + " can be named");
    }
  }

  static void requirePositive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " is " + value);
    }
  }
}

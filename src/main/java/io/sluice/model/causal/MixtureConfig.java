package io.sluice.model.causal;

import java.util.Set;

/**
 * The mixtures of experts of a causal language model.
 *
 * @param experts how many a mixture has
 * @param chosen how many of them each token goes to
 * @param intermediate width inside an expert
 * @param normalised whether the weights of a token's experts are divided by their sum
 * @param shared width inside the expert that every token goes to; 0 for none
 * @param layers the layers whose MLP is a mixture
 */
public record MixtureConfig(
    int experts,
    int chosen,
    int intermediate,
    boolean normalised,
    int shared,
    Set<Integer> layers) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of range, or two do not fit each other
   */
  public MixtureConfig {
    layers = Set.copyOf(layers);
    CausalConfig.requirePositive("number of experts", experts);
    CausalConfig.requirePositive("number of experts for a token", chosen);
    CausalConfig.requirePositive("width inside an expert", intermediate);
    if (chosen > experts) {
      throw new IllegalArgumentException(
          "a token goes to " + chosen + " experts, but there are " + experts);
    }
    if (shared < 0) {
      throw new IllegalArgumentException("width inside the shared expert is " + shared);
    }
  }
}

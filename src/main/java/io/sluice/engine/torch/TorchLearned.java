package io.sluice.engine.torch;

import io.sluice.memory.Rows;
import io.sluice.torch.Tensor;

/** The part in one batch of what an activation function learns for each feature. */
sealed interface TorchLearned permits TorchLearnedThresholds, TorchLearnedGates {

  /** Forms, after decoding with gradients, those of entries that were not decoded as they are. */
  void findGradients(Rows target);

  /**
   * What a penalty charges in place of the codes, by entry of what was decoded, float32; null for
   * the codes' values.
   */
  default Tensor charged() {
    return null;
  }

  /**
   * Adds a penalty's slopes, times lengths of decoder rows, to the gradients of {@link #charged}.
   *
   * @param slopes by entry of what was decoded, float32
   */
  default void penaliseCharged(Tensor slopes) {}

  /**
   * Adds a penalty's slope at 0 to the gradients of entries that are no codes.
   *
   * @param slope times the factor of the penalty
   * @param norms of all decoder rows, float64
   */
  default void penaliseBelow(double slope, Tensor norms) {}

  /** The shift of the gradients of active encoder biases, float32; null for none. */
  default Tensor biasShift() {
    return null;
  }
}

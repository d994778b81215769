package io.sluice.engine.arithmetic;

import io.sluice.engine.activation.Pursuit;
import io.sluice.memory.Rows;

/**
 * Matching pursuit and its gradients on the device of an {@link Arithmetic}: what {@code
 * MatchingPursuit} otherwise computes in host memory.
 */
public interface DevicePursuit {

  /**
   * Finds the codes of a batch.
   *
   * @param iterations most picks of a token, at most the number of features
   * @param residual as in {@link Pursuit}
   */
  DeviceCodes encode(Rows input, int iterations, double residual);

  /** Forms the gradients for {@link Arithmetic#update}, after {@link Arithmetic#decode}. */
  void formGradients();
}

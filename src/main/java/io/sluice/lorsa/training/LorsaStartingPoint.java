package io.sluice.lorsa.training;

import java.util.List;

/**
 * The results of a sample of the activations before the first step.
 *
 * @param inputScale the factor of the input
 * @param targetScale the factor of the target
 * @param variance mean squared distance of the target from its mean, per token, after scaling
 * @param subspaceDimensions per head of the model, how many directions its outputs start in; empty
 *     for a random start
 * @param commonNorm length that all output directions got
 * @param sampleTokens tokens that this was estimated from
 */
public record LorsaStartingPoint(
    double inputScale,
    double targetScale,
    double variance,
    List<Integer> subspaceDimensions,
    double commonNorm,
    long sampleTokens) {
  /** Copies the list. */
  public LorsaStartingPoint {
    subspaceDimensions = List.copyOf(subspaceDimensions);
  }
}

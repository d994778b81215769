package io.sluice.training;

/**
 * What a sample of the activations said before the first step.
 *
 * @param scale what activations are multiplied by, so that their mean norm is {@code sqrt(d)}; 1 if
 *     not asked for
 * @param variance mean squared distance from the mean, per token, after scaling
 * @param subspaceDimensions d_init of active-subspace initialisation, 0 if it was not asked for
 * @param commonNorm length that all rows got by the norm search
 * @param sampleRows rows that this was estimated from
 * @param trainedDimensions width of what the engine sees in whitened or constrained training; 0
 *     where it sees the activations
 */
public record StartingPoint(
    double scale,
    double variance,
    int subspaceDimensions,
    double commonNorm,
    long sampleRows,
    int trainedDimensions) {}

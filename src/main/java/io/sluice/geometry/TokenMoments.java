package io.sluice.geometry;

/**
 * Moments of the tokens of a hook point.
 *
 * @param tokens mean and covariance of the activations
 * @param directions mean and covariance of the activations at length 1, on which a selection
 *     without biases depends alone; null where they were not asked for
 */
public record TokenMoments(Covariance tokens, Covariance directions) {}

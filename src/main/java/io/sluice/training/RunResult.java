package io.sluice.training;

/**
 * How a run ended; the {@code result} of {@code run.json}. FVU, L0 and loss are means over the last
 * line of metrics.
 *
 * @param steps optimiser steps
 * @param tokens tokens seen
 * @param fvu fraction of variance unexplained
 * @param l0 mean number of features that fire on a token
 * @param deadFraction share of the features that did not fire for {@code deadWindowTokens}
 * @param deadWindowTokens the window
 * @param loss mean over tokens of the squared error of the activations, scaled as training scales
 *     them
 * @param tokensPerSecond over the whole run
 * @param seconds training time over all sittings
 */
public record RunResult(
    long steps,
    long tokens,
    double fvu,
    double l0,
    double deadFraction,
    long deadWindowTokens,
    double loss,
    double tokensPerSecond,
    double seconds) {}

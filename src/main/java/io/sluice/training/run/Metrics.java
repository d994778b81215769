package io.sluice.training.run;

import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * The metrics of the steps since the last line, written to {@code metrics.jsonl} under these names.
 *
 * @param step optimiser steps so far
 * @param tokens tokens seen so far
 * @param loss mean over tokens of the squared error of the activations, scaled as training scales
 *     them
 * @param fvu fraction of variance unexplained on the tokens of these steps, which are trained on:
 *     the loss over the variance of the sample
 * @param heldOutFvu fraction of variance unexplained on all tokens that are held out, as {@code
 *     sluice evaluate} measures it; null where it was not measured at this line
 * @param l0 mean number of features that fire on a token
 * @param deadFraction share of the features that have not fired for {@code deadWindowTokens}
 * @param deadWindowTokens the window
 * @param learningRate of the last step
 * @param tokensPerSecond speed since the last line
 * @param seconds training time so far, over all sessions
 * @param screen the bounds used in the last step, with which few products are computed in float32:
 *     {@code int8}, {@code directions}, both or {@code none}; null if the trained model has none
 * @param precision element type of the encoder's product where it is not float32; else null
 */
public record Metrics(
    long step,
    long tokens,
    double loss,
    double fvu,
    @JsonInclude(JsonInclude.Include.NON_NULL) Double heldOutFvu,
    double l0,
    double deadFraction,
    long deadWindowTokens,
    double learningRate,
    double tokensPerSecond,
    double seconds,
    @JsonInclude(JsonInclude.Include.NON_NULL) String screen,
    @JsonInclude(JsonInclude.Include.NON_NULL) String precision) {}

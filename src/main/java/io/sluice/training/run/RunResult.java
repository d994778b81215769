package io.sluice.training.run;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * How a run ended; the {@code result} of {@code run.json}. FVU, L0 and loss without another word
 * are means over the last steps, on tokens that are trained on.
 *
 * @param steps optimiser steps
 * @param tokens tokens seen
 * @param heldOutFvu fraction of variance unexplained on all tokens that are held out; null if there
 *     are none
 * @param heldOutTokens number of held-out tokens; 0 for none
 * @param fvu fraction of variance unexplained over the last {@code fvuSteps} steps
 * @param fvuSteps those since the last but one line of metrics
 * @param l0 mean number of features that fire on a token
 * @param deadFraction share of the features that did not fire for {@code deadWindowTokens}
 * @param deadWindowTokens the window
 * @param loss mean over tokens of the squared error of the activations, scaled as training scales
 *     them
 * @param tokensPerSecond over the whole run
 * @param seconds training time over all sessions
 */
public record RunResult(
    long steps,
    long tokens,
    @JsonInclude(JsonInclude.Include.NON_NULL) Double heldOutFvu,
    @JsonProperty(defaultValue = "0") long heldOutTokens,
    double fvu,
    @JsonProperty(defaultValue = "0") long fvuSteps,
    double l0,
    double deadFraction,
    long deadWindowTokens,
    double loss,
    double tokensPerSecond,
    double seconds) {

  /** How many steps the last line of metrics is about. */
  public static long stepsOfLastLine(long steps, long logEvery) {
    return (steps - 1) % logEvery + 1;
  }
}

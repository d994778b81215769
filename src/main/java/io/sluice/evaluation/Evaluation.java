package io.sluice.evaluation;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * What a dictionary does on the tokens of a store; written to {@code evaluation.json} under these
 * names.
 *
 * @param tokens tokens evaluated on
 * @param fvu fraction of variance unexplained: summed squared error over summed squared distance
 *     from the mean of these tokens
 * @param explainedVariance {@code 1 − fvu}
 * @param l0 mean number of features that fire on a token
 * @param deadFraction share of the features that did not fire on the last {@code deadWindowTokens}
 * @param deadWindowTokens the window, at most {@code tokens}
 * @param frequencyHistogram how often features fire
 */
public record Evaluation(
    long tokens,
    double fvu,
    double explainedVariance,
    double l0,
    double deadFraction,
    long deadWindowTokens,
    FrequencyHistogram frequencyHistogram) {

  /** The {@code format} of {@code evaluation.json}. */
  public static final String FORMAT = "sluice.evaluation/1";

  /** The {@code format}, for the file. */
  @JsonProperty(index = 0)
  public String format() {
    return FORMAT;
  }
}

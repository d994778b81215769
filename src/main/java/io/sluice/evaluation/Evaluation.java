package io.sluice.evaluation;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

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
 * @param sites of a dictionary that writes several hook points, each of them; else empty
 * @param lossRecovered what the reconstruction costs the model's predictions; null if that was not
 *     measured
 */
public record Evaluation(
    long tokens,
    double fvu,
    double explainedVariance,
    double l0,
    double deadFraction,
    long deadWindowTokens,
    FrequencyHistogram frequencyHistogram,
    @JsonInclude(JsonInclude.Include.NON_EMPTY) List<SiteFvu> sites,
    @JsonInclude(JsonInclude.Include.NON_NULL) LossRecovered lossRecovered) {

  /** Of a dictionary that writes one hook point. */
  public Evaluation(
      long tokens,
      double fvu,
      double explainedVariance,
      double l0,
      double deadFraction,
      long deadWindowTokens,
      FrequencyHistogram frequencyHistogram,
      LossRecovered lossRecovered) {
    this(
        tokens,
        fvu,
        explainedVariance,
        l0,
        deadFraction,
        deadWindowTokens,
        frequencyHistogram,
        List.of(),
        lossRecovered);
  }

  /**
   * How well one hook point is written.
   *
   * @param hook its name
   * @param fvu its fraction of variance unexplained
   */
  public record SiteFvu(String hook, double fvu) {}

  /** The {@code format} of {@code evaluation.json}. */
  public static final String FORMAT = "sluice.evaluation/1";

  /** The same with what the reconstruction costs the model. */
  public Evaluation with(LossRecovered loss) {
    return new Evaluation(
        tokens,
        fvu,
        explainedVariance,
        l0,
        deadFraction,
        deadWindowTokens,
        frequencyHistogram,
        sites,
        loss);
  }

  /** The {@code format}, for the file. */
  @JsonProperty(index = 0)
  public String format() {
    return FORMAT;
  }
}

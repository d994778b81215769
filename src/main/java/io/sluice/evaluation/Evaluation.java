package io.sluice.evaluation;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * What a dictionary does on the tokens of a store; written to {@code evaluation.json} under these
 * names.
 *
 * @param rows which tokens: {@code held-out}, those that the run kept apart; {@code trained}, those
 *     that it trained on; {@code all}; null where nobody has said
 * @param tokens tokens evaluated on
 * @param fvu fraction of variance unexplained: summed squared error over summed squared distance
 *     from the mean of these tokens
 * @param explainedVariance {@code 1 − fvu}
 * @param l0 mean number of features that fire on a token
 * @param deadFraction share of the features that did not fire on the last {@code deadWindowTokens}
 * @param deadWindowTokens the window, at most {@code tokens}
 * @param frequencyHistogram how often features fire
 * @param sites of a dictionary that writes several hook points, each of them; else empty
 * @param trained the same on the tokens that the run trained on, where {@code rows} are held-out
 *     ones; else null
 * @param lossRecovered what the reconstruction costs the model's predictions; null if that was not
 *     measured
 */
public record Evaluation(
    @JsonInclude(JsonInclude.Include.NON_NULL) String rows,
    long tokens,
    double fvu,
    double explainedVariance,
    double l0,
    double deadFraction,
    long deadWindowTokens,
    FrequencyHistogram frequencyHistogram,
    @JsonInclude(JsonInclude.Include.NON_EMPTY) List<SiteFvu> sites,
    @JsonInclude(JsonInclude.Include.NON_NULL) @JsonIgnoreProperties("format") Evaluation trained,
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
        null,
        tokens,
        fvu,
        explainedVariance,
        l0,
        deadFraction,
        deadWindowTokens,
        frequencyHistogram,
        List.of(),
        null,
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
    return with(rows, trained, loss);
  }

  /** The same, said to be of these rows. */
  public Evaluation ofRows(String which) {
    return with(which, trained, lossRecovered);
  }

  /** The same with what was measured on the tokens that were trained on. */
  public Evaluation besideTrained(Evaluation onTrained) {
    return with(rows, onTrained, lossRecovered);
  }

  private Evaluation with(String which, Evaluation onTrained, LossRecovered loss) {
    return new Evaluation(
        which,
        tokens,
        fvu,
        explainedVariance,
        l0,
        deadFraction,
        deadWindowTokens,
        frequencyHistogram,
        sites,
        onTrained,
        loss);
  }

  /** The {@code format}, for the file. */
  @JsonProperty(index = 0)
  public String format() {
    return FORMAT;
  }
}

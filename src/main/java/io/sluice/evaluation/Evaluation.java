package io.sluice.evaluation;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import io.sluice.evaluation.measures.FeatureCounts;
import io.sluice.evaluation.measures.PositionMeasures;
import io.sluice.evaluation.measures.TokenMeasures;
import java.util.List;

/**
 * The measures of a dictionary on the tokens of a store, written to {@code evaluation.json} under
 * these names.
 *
 * @param rows which tokens: {@code held-out}, those that the run held out; {@code trained}, those
 *     that it trained on; {@code all}; null if not recorded
 * @param tokens tokens evaluated on
 * @param fvu fraction of variance unexplained: summed squared error over summed squared distance
 *     from the mean of these tokens
 * @param explainedVariance {@code 1 − fvu}
 * @param l0 mean number of features that fire on a token
 * @param measures further measures of the reconstruction and the codes; null if not measured
 * @param deadFraction share of the features that did not fire on the last {@code deadWindowTokens}
 * @param deadWindowTokens the window, at most {@code tokens}
 * @param frequencyHistogram how often features fire
 * @param sites the FVU of each hook point if the dictionary writes several, otherwise empty
 * @param trained the same measures on the tokens that the run trained on, if {@code rows} is {@code
 *     held-out}; otherwise null
 * @param lossRecovered the effect of the reconstruction on the model's loss; null if not measured
 * @param features how often each feature fires; null if not measured; in a file of its own
 * @param positions the measures by position; null if not measured; in a file of its own
 */
public record Evaluation(
    @JsonInclude(JsonInclude.Include.NON_NULL) String rows,
    long tokens,
    double fvu,
    double explainedVariance,
    double l0,
    @JsonUnwrapped TokenMeasures measures,
    double deadFraction,
    long deadWindowTokens,
    FrequencyHistogram frequencyHistogram,
    @JsonInclude(JsonInclude.Include.NON_EMPTY) List<SiteFvu> sites,
    @JsonInclude(JsonInclude.Include.NON_NULL) @JsonIgnoreProperties("format") Evaluation trained,
    @JsonInclude(JsonInclude.Include.NON_NULL) LossRecovered lossRecovered,
    @JsonIgnore FeatureCounts features,
    @JsonIgnore PositionMeasures positions) {

  /** The measures that Lorsas have, too. */
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
        null,
        deadFraction,
        deadWindowTokens,
        frequencyHistogram,
        List.of(),
        null,
        lossRecovered,
        null,
        null);
  }

  /**
   * The FVU of one hook point.
   *
   * @param hook its name
   * @param fvu its fraction of variance unexplained
   */
  public record SiteFvu(String hook, double fvu) {}

  /** The {@code format} of {@code evaluation.json}. */
  public static final String FORMAT = "sluice.evaluation/1";

  /** The same with the effect on the model's loss. */
  public Evaluation with(LossRecovered loss) {
    return with(rows, trained, loss);
  }

  /** The same with a value of {@code rows}. */
  public Evaluation ofRows(String which) {
    return with(which, trained, lossRecovered);
  }

  /** The same with the measures on the tokens that were trained on. */
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
        measures,
        deadFraction,
        deadWindowTokens,
        frequencyHistogram,
        sites,
        onTrained,
        loss,
        features,
        positions);
  }

  /** The {@code format}, for the file. */
  @JsonProperty(index = 0)
  public String format() {
    return FORMAT;
  }
}

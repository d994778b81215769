package io.sluice.evaluation;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.sluice.evaluation.measures.ModelEffect;

/**
 * The share of a model's next-token loss that a reconstruction keeps.
 *
 * @param text name of the text
 * @param tokens tokens that were predicted
 * @param cleanLoss {@code L}, nats per token, of the unchanged model
 * @param ablatedLoss {@code L₀}, with the mean in place of the activation
 * @param loss {@code L_r}, with the reconstruction in place of the activation
 * @param recovered {@code (L₀ − L_r) / (L₀ − L)}
 * @param effect on the predictions made at replaced positions; null if not known
 */
public record LossRecovered(
    String text,
    long tokens,
    double cleanLoss,
    double ablatedLoss,
    double loss,
    double recovered,
    @JsonInclude(JsonInclude.Include.NON_NULL) ModelEffect effect) {

  /** Without the effect on predictions. */
  public LossRecovered(
      String text,
      long tokens,
      double cleanLoss,
      double ablatedLoss,
      double loss,
      double recovered) {
    this(text, tokens, cleanLoss, ablatedLoss, loss, recovered, null);
  }
}

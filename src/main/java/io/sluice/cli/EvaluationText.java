package io.sluice.cli;

import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.LossRecovered;
import java.io.PrintWriter;
import java.util.Locale;

/**
 * An evaluation as people read it.
 *
 * @param parts what fires, for instance {@code features}
 * @param share whose share is dead, for instance {@code " of the heads"}; may be empty
 * @param instead what stands in the activation's place, for instance {@code the reconstruction}
 */
record EvaluationText(String parts, String share, String instead) {
  void print(Evaluation e, PrintWriter out) {
    out.printf(Locale.ROOT, "tokens    %,d%n", e.tokens());
    out.printf(Locale.ROOT, "FVU       %.4f%n", e.fvu());
    out.printf(Locale.ROOT, "explained %.2f%% of the variance%n", 100 * e.explainedVariance());
    out.printf(Locale.ROOT, "L0        %.1f%n", e.l0());
    out.printf(
        Locale.ROOT,
        "dead      %.2f%%%s (no firing in the last %,d tokens)%n",
        100 * e.deadFraction(),
        share,
        e.deadWindowTokens());
    out.printf(
        Locale.ROOT,
        "never     %,d %s fired on no token%n",
        e.frequencyHistogram().neverFired(),
        parts);
    for (Evaluation.SiteFvu site : e.sites()) {
      out.printf(Locale.ROOT, "FVU       %.4f of %s%n", site.fvu(), site.hook());
    }
    LossRecovered loss = e.lossRecovered();
    if (loss != null) {
      String several = e.sites().isEmpty() ? "" : "s";
      out.printf(
          Locale.ROOT,
          "loss      %.1f%% recovered over %,d tokens: %.4f clean, %.4f with %s%s, %.4f with the"
              + " mean%s%n",
          100 * loss.recovered(),
          loss.tokens(),
          loss.cleanLoss(),
          loss.loss(),
          instead,
          several,
          loss.ablatedLoss(),
          several);
    }
  }
}

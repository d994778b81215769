package io.sluice.cli.results;

import io.sluice.cli.console.ResultText;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.LossRecovered;
import io.sluice.evaluation.measures.ModelEffect;
import java.io.PrintWriter;
import java.util.Locale;

/**
 * Prints an evaluation as text.
 *
 * @param parts the plural name of what fires, for instance {@code features}
 * @param instead what replaces the activation, for instance {@code the reconstruction}
 */
public record EvaluationText(String parts, String instead) {
  /**
   * Prints it.
   *
   * @param count how many features there are
   * @param tokens which tokens it is of
   */
  public void print(Evaluation e, int count, String tokens, PrintWriter out) {
    out.printf(Locale.ROOT, "tokens    %,d %s%n", e.tokens(), tokens);
    String rows = rows(e, ", ");
    out.printf(Locale.ROOT, "FVU       %.4f%s%n", e.fvu(), rows);
    if (e.trained() != null) {
      out.printf(
          Locale.ROOT,
          "FVU       %.4f, trained (%,d tokens that the run trained on)%n",
          e.trained().fvu(),
          e.trained().tokens());
    }
    out.printf(
        Locale.ROOT, "explained %.2f%% of the variance%s%n", 100 * e.explainedVariance(), rows);
    out.printf(Locale.ROOT, "L0        %.1f%s%n", e.l0(), rows);
    if (e.measures() != null) {
      out.printf(
          Locale.ROOT,
          "cosine    %.4f, L2 ratio %.4f, L1 %.1f, MSE %.4g%s%n",
          e.measures().cosineSimilarity(),
          e.measures().l2Ratio(),
          e.measures().l1(),
          e.measures().mse(),
          rows);
    }
    dead(e, count, out);
    if (e.trained() != null) {
      dead(e.trained(), count, out);
    }
    for (Evaluation.SiteFvu site : e.sites()) {
      out.printf(Locale.ROOT, "FVU       %.4f%s, of %s%n", site.fvu(), rows, site.hook());
    }
    loss(e, out);
  }

  private void dead(Evaluation e, int count, PrintWriter out) {
    String tokens = rows(e, "") + "tokens";
    out.printf(
        Locale.ROOT,
        "dead      %.2f%% (%s)%n",
        100 * e.deadFraction(),
        ResultText.dead(e.deadFraction(), count, parts, e.deadWindowTokens(), tokens));
    if (e.deadWindowTokens() < e.tokens()) {
      long never = e.frequencyHistogram().neverFired();
      out.printf(
          Locale.ROOT,
          "never     %.2f%% (%,d of %,d %s: no firing in all %,d %s)%n",
          100.0 * never / count,
          never,
          count,
          parts,
          e.tokens(),
          tokens);
    }
  }

  /** Names the measured tokens, unless all are measured. */
  private static String rows(Evaluation e, String before) {
    return e.rows() == null || e.rows().equals("all")
        ? ""
        : before.isEmpty() ? e.rows() + " " : before + e.rows();
  }

  private void loss(Evaluation e, PrintWriter out) {
    LossRecovered loss = e.lossRecovered();
    if (loss == null) {
      return;
    }
    String several = e.sites().isEmpty() ? "" : "s";
    out.printf(
        Locale.ROOT,
        "loss      %.1f%% recovered over %,d %stokens: %.4f clean, %.4f with %s%s, %.4f with the"
            + " mean%s%n",
        100 * loss.recovered(),
        loss.tokens(),
        rows(e, ""),
        loss.cleanLoss(),
        loss.loss(),
        instead,
        several,
        loss.ablatedLoss(),
        several);
    effect(loss.effect(), out);
  }

  private static void effect(ModelEffect effect, PrintWriter out) {
    if (effect == null) {
      return;
    }
    out.printf(
        Locale.ROOT,
        "CE score  %s against zeros (loss %.4f), %s against the mean%n",
        share(effect.ceLossScore()),
        effect.ceLossWithZeroAblation(),
        share(effect.ceLossScoreMean()));
    out.printf(
        Locale.ROOT,
        "KL        %.4f nats; %.4f with zeros, %.4f with the mean%n",
        effect.klWithReconstruction(),
        effect.klWithZeroAblation(),
        effect.klWithMeanAblation());
  }

  private static String share(Double score) {
    return score == null ? "no score" : String.format(Locale.ROOT, "%.1f%%", 100 * score);
  }
}

package io.sluice.cli;

import io.sluice.report.Spectra;
import io.sluice.report.Spectra.Hook;
import io.sluice.report.TrainingRun;
import java.io.PrintWriter;
import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * Prints the results of the demo as two tables.
 *
 * @param spectra the spectra of every hook point
 * @param runs the trainings, with their evaluations
 * @param features features of each dictionary
 * @param k features per token
 * @param hook the hook point of the dictionaries
 */
record DemoTable(Spectra spectra, List<TrainingRun> runs, int features, int k, String hook) {
  /** From the cause, the heads, to what the layer leaves behind. */
  private static final List<String> KINDS = List.of("z", "attn_out", "mlp_out", "resid");

  void print(PrintWriter out) {
    printDimensions(out);
    out.println();
    printRuns(out);
  }

  private void printDimensions(PrintWriter out) {
    out.printf(
        Locale.ROOT,
        "Share of its dimensions that holds %s %% of the variance (%,d tokens of %s, %s)%n",
        percent(spectra.tau()),
        spectra.tokens(),
        spectra.text(),
        spectra.model());
    out.print("  layer  ");
    KINDS.forEach(kind -> out.printf("%10s", kind));
    out.println();
    int layers = spectra.hooks().stream().mapToInt(Hook::layer).max().orElse(-1) + 1;
    for (int layer : IntStream.range(0, layers).toArray()) {
      out.printf(Locale.ROOT, "  %-7d", layer);
      for (String kind : KINDS) {
        out.print(
            share(
                spectra.hooks().stream()
                    .filter(h -> h.layer() == layer && h.kind().equals(kind))
                    .mapToDouble(Hook::dimensionShare)
                    .average()));
      }
      out.println();
    }
    out.printf("  %-7s", "mean");
    for (String kind : KINDS) {
      out.print(
          share(
              spectra.hooks().stream()
                  .filter(h -> h.kind().equals(kind))
                  .mapToDouble(Hook::dimensionShare)
                  .average()));
    }
    out.println();
  }

  private void printRuns(PrintWriter out) {
    TrainingRun.Result any = runs.getFirst().result();
    out.printf(
        Locale.ROOT,
        "The same dictionary from four starts: %,d features on %s, k %d, trained over %,d tokens%n",
        features,
        hook,
        k,
        any.tokens());
    TrainingRun first = runs.getFirst();
    boolean unseen = any.heldOutFvu() != null;
    out.printf(
        "  %-16s%10s%16s%14s%14s%12s%n",
        "start", "dead", "FVU, held-out", "FVU, trained", "never fired", "tokens/s");
    for (TrainingRun run : runs) {
      TrainingRun.Evaluation trained = trained(run);
      out.printf(
          Locale.ROOT,
          "  %-16s%8.1f %%%16s%14.4f%14s%,12.0f%n",
          run.name(),
          100 * run.result().deadFraction(),
          unseen ? String.format(Locale.ROOT, "%.4f", run.result().heldOutFvu()) : "–",
          trained.fvu(),
          String.format(Locale.ROOT, "%,d", trained.frequencyHistogram().neverFired()),
          run.result().tokensPerSecond());
    }
    out.printf(
        Locale.ROOT,
        "  dead: no firing in the last %,d tokens of the training%n",
        any.deadWindowTokens());
    if (unseen) {
      out.printf(
          Locale.ROOT,
          "  FVU (fraction of variance unexplained): held-out, on %,d tokens in whole contexts that%n"
              + "  were never trained on; trained, on the other %,d, among which never fired counts%n",
          any.heldOutTokens(),
          trained(first).tokens());
    } else {
      out.printf(
          Locale.ROOT,
          "  FVU (fraction of variance unexplained) and never fired: on all %,d tokens, which were%n"
              + "  trained on; they are too few to hold any out%n",
          trained(first).tokens());
    }
  }

  /** The measures on the tokens that were trained on; on all, where nothing was held out. */
  private static TrainingRun.Evaluation trained(TrainingRun run) {
    return run.evaluation().trained() == null ? run.evaluation() : run.evaluation().trained();
  }

  private static String share(OptionalDouble share) {
    return share.isPresent()
        ? String.format(Locale.ROOT, "%8.0f %%", 100 * share.getAsDouble())
        : String.format("%10s", "-");
  }

  /** {@code 0.99} as {@code 99}, {@code 0.995} as {@code 99.5}. */
  private static String percent(double share) {
    return BigDecimal.valueOf(share).movePointRight(2).stripTrailingZeros().toPlainString();
  }
}

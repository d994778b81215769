package io.sluice.report;

import io.sluice.report.TrainingRun.Metric;
import io.sluice.report.TrainingRun.Result;
import io.sluice.training.sweep.CauseShares;
import io.sluice.training.sweep.Estimate;
import io.sluice.training.sweep.SweepResult;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The results of {@code sluice demo --million} as Markdown: both trainings of the largest
 * dictionary, the scaling curve, and the shares of the causes at the smallest size. Every sentence
 * is computed from the numbers.
 *
 * @param hook the hook point
 * @param model the model's file name
 * @param texts the texts' file names
 * @param stored tokens in the store
 * @param cut whether the texts have more tokens than were captured
 * @param k features per token
 * @param batch tokens per step
 * @param runs ascending by size, at each size without and then with the remedies
 * @param sweep the eight combinations of the remedies, at the smallest size
 */
public record MillionPage(
    String hook,
    String model,
    List<String> texts,
    long stored,
    boolean cut,
    int k,
    int batch,
    List<Run> runs,
    SweepResult sweep) {
  private static final int MILLION = 1 << 20;

  /** Rows of the table of a training's course. */
  private static final int POINTS = 10;

  /**
   * One training.
   *
   * @param features its size
   * @param remedies whether it has all three remedies, or none
   * @param run its files
   * @param peakBytes most memory of the process; 0 if that was not measured
   */
  public record Run(int features, boolean remedies, TrainingRun run, long peakBytes) {}

  /** The page. */
  public String markdown() {
    StringBuilder out = new StringBuilder();
    head(out);
    course(out);
    scaling(out);
    causes(out);
    cost(out);
    return out.toString();
  }

  private void head(StringBuilder out) {
    Run last = runs.getLast();
    Result result = last.run().result();
    double epochs = result.tokens() / (double) (stored - result.heldOutTokens());
    line(out, "# A million features");
    line(out, "");
    line(
        out,
        "`make million` generates this page from its results; `MILLION=262144` and smaller run the");
    line(
        out,
        "same on a smaller machine. [datasets/README.md](../datasets/README.md) says where the texts");
    line(out, "are from.");
    line(out, "");
    if (last.features() < MILLION) {
      line(
          out,
          "**This page is of %,d features and %,d tokens of training. It holds no result of %,d features; `make million` makes them.**",
          last.features(),
          result.tokens(),
          MILLION);
      line(out, "");
    }
    line(
        out,
        "`%s` of %s over %s, read in this order: %s%,d tokens are captured, and %,d of them, in whole contexts, are held out and never trained on.",
        hook,
        model,
        String.join(" and ", texts),
        cut ? "only the first " : "",
        stored,
        result.heldOutTokens());
    line(
        out,
        "TopK autoencoders, k %d, %,d steps of %,d tokens: %,d tokens, %.1f epochs. All else is the default of `sluice train`, dead window included: a feature is dead if it did not fire in the last %,d tokens of training.",
        k,
        result.steps(),
        batch,
        result.tokens(),
        epochs,
        result.deadWindowTokens());
    line(
        out,
        "In such a window all features together fire at most %,d times, %.1f times a feature. FVU, the fraction of variance unexplained, is on the held-out tokens.",
        k * result.deadWindowTokens(),
        k * (double) result.deadWindowTokens() / last.features());
    line(out, "");
    line(out, "- **plain**: random directions, Adam, not centred.");
    line(out, "- **remedies**: active-subspace initialisation, SparseAdam, centred.");
    line(out, "");
    Result plain = runs.get(runs.size() - 2).run().result();
    line(
        out,
        "At %,d features the dead share is %s plain and %s with the remedies; FVU is %s and %s.%s",
        last.features(),
        percent(plain.deadFraction()),
        percent(result.deadFraction()),
        number(plain.heldOutFvu()),
        number(result.heldOutFvu()),
        result.deadFraction() <= 0.01
            ? ""
            : " The remedies leave more than 1 % dead; the section on causes says what that share is at the smallest size.");
    line(out, "");
  }

  private void course(StringBuilder out) {
    line(out, "## Over training");
    for (Run run : runs.subList(runs.size() - 2, runs.size())) {
      line(out, "");
      line(
          out,
          "%,d features, %s. The FVU of a row is the last one that was measured. Until the window has passed once, no feature counts as dead.",
          run.features(),
          way(run));
      line(out, "");
      line(out, "| tokens | dead | FVU, held-out | FVU, trained |");
      line(out, "|---:|---:|---:|---:|");
      List<Metric> metrics = run.run().metrics();
      int rows = Math.min(POINTS, metrics.size());
      Double unseen = null;
      int next = 1;
      for (int i = 0; i < metrics.size(); i++) {
        Metric metric = metrics.get(i);
        unseen = metric.heldOutFvu() == null ? unseen : metric.heldOutFvu();
        if (i + 1 == Math.ceilDiv((long) next * metrics.size(), rows)) {
          next++;
          boolean end = i + 1 == metrics.size();
          line(
              out,
              "| %,d | %s | %s | %s |",
              metric.tokens(),
              percent(metric.deadFraction()),
              number(end ? run.run().result().heldOutFvu() : unseen),
              number(metric.fvu()));
        }
      }
    }
    line(out, "");
  }

  private void scaling(StringBuilder out) {
    line(out, "## By size, from the same data");
    line(out, "");
    line(out, "| features | training | dead | FVU, held-out | FVU, trained |");
    line(out, "|---:|---|---:|---:|---:|");
    for (Run run : runs) {
      Result result = run.run().result();
      line(
          out,
          "| %,d | %s | %s | %s | %s |",
          run.features(),
          way(run),
          percent(result.deadFraction()),
          number(result.heldOutFvu()),
          number(result.fvu()));
    }
    line(out, "");
  }

  private void causes(StringBuilder out) {
    line(out, "## Which cause explains how much");
    line(out, "");
    line(
        out,
        "All eight combinations of the remedies at %,d features, one seed each:",
        runs.getFirst().features());
    line(out, "");
    line(out, "| start | centred | optimiser | dead | FVU, held-out |");
    line(out, "|---|---|---|---:|---:|");
    for (SweepResult.Outcome cell : sweep.cells()) {
      if (cell.result() != null) {
        Map<String, String> values = new HashMap<>();
        cell.cell().values().forEach((axis, value) -> values.put(axis.label(), value));
        line(
            out,
            "| %s | %s | %s | %s | %s |",
            values.get("init"),
            values.get("centring"),
            values.get("optimiser"),
            percent(cell.result().deadFraction()),
            number(cell.result().heldOutFvu()));
      }
    }
    line(out, "");
    List<CauseShares> shares = CauseShares.of(sweep);
    if (shares.isEmpty()) {
      line(
          out,
          "Nearly nothing is dead without the remedies at this size, so there is nothing to share out.");
      line(out, "");
      return;
    }
    CauseShares share = shares.getFirst();
    List<String> parts = new ArrayList<>();
    for (Map.Entry<CauseShares.Cause, Estimate> each : share.shares().entrySet()) {
      parts.add(each.getKey().label() + " " + percent(each.getValue().mean()));
    }
    line(
        out,
        "Of the dead features without a remedy (%s), the causes explain, as Shapley values: %s; still dead with all three remedies: %s. A negative share means that the remedy by itself makes more features die.",
        percent(share.baseline().mean()),
        String.join(", ", parts),
        percent(share.unexplained().mean()));
    line(out, "");
  }

  private void cost(StringBuilder out) {
    line(out, "## Speed and memory");
    line(out, "");
    line(
        out,
        "Peak memory is that of the process, with the store's mapped files and the heap; that of a resumed training is of its last session. The smallest size is trained in a sweep, whose dictionaries share batches, and has no row.");
    line(out, "");
    line(out, "| features | training | tokens/s | time | moments | peak memory |");
    line(out, "|---:|---|---:|---:|---|---:|");
    for (Run run : runs) {
      if (run.features() == runs.getFirst().features()) {
        continue;
      }
      Result result = run.run().result();
      String moments = run.run().setting("moments");
      line(
          out,
          "| %,d | %s | %,.0f | %,.0f s | %s | %s |",
          run.features(),
          way(run),
          result.tokensPerSecond(),
          result.seconds(),
          moments == null ? "float32" : moments,
          run.peakBytes() == 0
              ? "not measured"
              : String.format(Locale.ROOT, "%,d MB", run.peakBytes() / 1_000_000));
    }
  }

  private static String way(Run run) {
    return run.remedies() ? "remedies" : "plain";
  }

  private static String percent(Double share) {
    return share == null ? "–" : String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }

  private static String number(Double value) {
    return value == null ? "–" : String.format(Locale.ROOT, "%.4f", value);
  }

  private static void line(StringBuilder out, String format, Object... values) {
    out.append(values.length == 0 ? format : String.format(Locale.ROOT, format, values))
        .append('\n');
  }
}

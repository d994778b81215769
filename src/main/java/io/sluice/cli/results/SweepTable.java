package io.sluice.cli.results;

import io.sluice.training.sweep.Axis;
import io.sluice.training.sweep.CauseShares;
import io.sluice.training.sweep.Estimate;
import io.sluice.training.sweep.SweepResult;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Prints the results of a sweep as a table, with one line for cells that differ only by seed. */
public final class SweepTable {
  private final SweepResult result;

  public SweepTable(SweepResult result) {
    this.result = result;
  }

  public void print(PrintWriter out) {
    List<SweepResult.Group> groups = result.groups();
    if (groups.isEmpty()) {
      out.println("No cell has ended.");
      return;
    }
    List<Axis> axes = result.grid().varied().stream().filter(axis -> axis != Axis.SEED).toList();
    long window = groups.getFirst().deadWindowTokens();
    boolean unseen = groups.stream().anyMatch(group -> group.heldOutFvu() != null);
    String last = "last " + groups.getFirst().fvuSteps() + " steps";
    out.printf(
        Locale.ROOT,
        "%s: dead features (no firing in the last %,d tokens of training), %s, L0 and tokens per"
            + " second%s%n",
        result.hook(),
        window,
        unseen
            ? String.format(
                Locale.ROOT,
                "FVU on %,d held-out tokens and on those of the %s, which are trained on",
                groups.getFirst().heldOutTokens(),
                last)
            : "FVU of the " + last + " (trained on: nothing was held out)",
        groups.stream().anyMatch(group -> group.seeds() > 1)
            ? "; mean ± standard error over seeds"
            : "");
    List<List<String>> rows = new ArrayList<>();
    List<String> head = new ArrayList<>(axes.stream().map(Axis::label).toList());
    head.add("dead");
    if (unseen) {
      head.add("FVU, held-out");
    }
    head.addAll(List.of("FVU, " + last, "L0"));
    boolean seeds = groups.stream().anyMatch(group -> group.stability() != null);
    if (seeds) {
      head.add("cosine of seeds");
    }
    head.add("tokens/s");
    rows.add(head);
    for (SweepResult.Group group : groups) {
      List<String> row = new ArrayList<>();
      // What has no meaning to a cell, as a penalty to TopK, it does not have.
      axes.forEach(axis -> row.add(group.values().getOrDefault(axis, "–")));
      row.add(percent(group.deadFraction()));
      if (unseen) {
        row.add(group.heldOutFvu() == null ? "–" : number("%.4f", group.heldOutFvu()));
      }
      row.add(number("%.4f", group.fvu()));
      row.add(String.format(Locale.ROOT, "%.1f", group.l0().mean()));
      if (seeds) {
        row.add(
            group.stability() == null
                ? "–"
                : String.format(Locale.ROOT, "%.3f", group.stability()));
      }
      row.add(String.format(Locale.ROOT, "%,.0f", group.tokensPerSecond().mean()));
      rows.add(row);
    }
    align(rows, axes.size(), out);
    for (SweepResult.Outcome outcome : result.cells()) {
      if (outcome.failure() != null) {
        out.printf("not trained: %s: %s%n", outcome.cell().name(), outcome.failure());
      }
    }
    shares(out);
  }

  private void shares(PrintWriter out) {
    for (CauseShares shares : CauseShares.of(result)) {
      String where =
          shares.values().entrySet().stream()
              .filter(entry -> result.grid().varied().contains(entry.getKey()))
              .map(entry -> entry.getKey().label() + "=" + entry.getValue())
              .collect(Collectors.joining(", "));
      out.printf(
          "%nOf the %s dead%s:%n",
          percent(shares.baseline()), where.isEmpty() ? "" : " with " + where);
      shares
          .shares()
          .forEach((cause, share) -> out.printf("  %-18s %s%n", cause.label(), percent(share)));
      out.printf("  %-18s %s%n", "none of these", percent(shares.unexplained()));
    }
  }

  static String percent(Estimate share) {
    String mean = String.format(Locale.ROOT, "%.1f", 100 * share.mean());
    return Double.isNaN(share.standardError())
        ? mean + " %"
        : mean + String.format(Locale.ROOT, " ± %.1f %%", 100 * share.standardError());
  }

  static String number(String format, Estimate value) {
    String mean = String.format(Locale.ROOT, format, value.mean());
    return Double.isNaN(value.standardError())
        ? mean
        : mean + " ± " + String.format(Locale.ROOT, format, value.standardError());
  }

  /** The first columns to the left, the others to the right. */
  private static void align(List<List<String>> rows, int left, PrintWriter out) {
    int columns = rows.getFirst().size();
    int[] widths = new int[columns];
    for (List<String> row : rows) {
      for (int i = 0; i < columns; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < columns; i++) {
        String padding = " ".repeat(widths[i] - row.get(i).length());
        line.append("  ").append(i < left ? row.get(i) + padding : padding + row.get(i));
      }
      out.printf("%s%n", line.toString().stripTrailing());
    }
  }
}

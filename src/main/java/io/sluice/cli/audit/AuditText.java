package io.sluice.cli.audit;

import io.sluice.audit.Audit;
import io.sluice.audit.Finding;
import io.sluice.audit.Measured;
import io.sluice.audit.Normalisation;
import io.sluice.audit.Promise;
import io.sluice.audit.Trial;
import io.sluice.audit.TrialResult;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Prints an audit: one page for one dictionary, a line and a row for each of several. */
final class AuditText {
  /** Places that are listed. */
  private static final int PLACES = 8;

  private static final int NAME = 12;
  private static final int COLUMN = 30;

  private final Audit audit;
  private final PrintWriter out;

  AuditText(Audit audit, PrintWriter out) {
    this.audit = audit;
    this.out = out;
  }

  void print() {
    for (Finding finding : audit.dictionaries()) {
      line("%s %s.", finding.name(), finding.sentence());
    }
    line("");
    if (audit.dictionaries().size() == 1) {
      details(audit.dictionaries().getFirst());
    } else {
      rows();
    }
  }

  private void details(Finding finding) {
    Measured configured = finding.configured();
    Measured fitting = finding.fitting();
    Promise promise = finding.promise();
    boolean same = configured != null && configured.equals(fitting);
    List<Measured> columns = new ArrayList<>();
    List<String> heads = new ArrayList<>();
    if (configured != null) {
      columns.add(configured);
      heads.add(same ? "as configured, where it fits" : "as configured");
    }
    if (fitting != null && !same) {
      columns.add(fitting);
      heads.add("where it fits");
    }
    if (!columns.isEmpty()) {
      row("", heads);
      row("place", columns.stream().map(each -> each.trial().place().toString()).toList());
      row("contexts", columns.stream().map(each -> begin(each.trial())).toList());
      row("reads", columns.stream().map(each -> reads(each.trial())).toList());
      row("FVU", columns.stream().map(each -> Audit.number(each.fvu())).toList());
      row("L0", columns.stream().map(each -> Audit.number(each.l0()) + promised(promise)).toList());
      row("dead", columns.stream().map(each -> percent(each.deadFraction())).toList());
      row("rank", columns.stream().map(AuditText::rank).toList());
      row("dimension", columns.stream().map(AuditText::dimension).toList());
      line("");
    }
    nearby(finding);
    line(
        "Dead: of %,d features, those that fired on none of %,d tokens. Trials on %,d of them.",
        finding.features(), audit.tokens(), audit.searchTokens());
  }

  private static String begin(Trial trial) {
    return trial.beginning() ? "with a beginning token" : "begin with the text";
  }

  private static String reads(Trial trial) {
    String changed = trial.normalisation().label().replace('_', ' ');
    return (trial.normalisation() == Normalisation.NONE ? "unchanged" : changed)
        + (trial.otherBias() ? ", other bias" : "");
  }

  private static String promised(Promise promise) {
    return promise.l0() == null
        ? ""
        : " (%s promises %s)".formatted(promise.l0From(), Audit.number(promise.l0()));
  }

  private static String rank(Measured measured) {
    return String.format(
        Locale.ROOT,
        "%.0f of %s (%.0f %%)",
        measured.effectiveRank(),
        measured.width(),
        100 * measured.effectiveRankRatio());
  }

  private static String dimension(Measured measured) {
    return String.format(
        Locale.ROOT,
        "%s of %s (%.0f %%)",
        measured.intrinsicDimension(),
        measured.width(),
        100 * measured.intrinsicDimensionRatio());
  }

  /** The best trial at each of the best places. */
  private void nearby(Finding finding) {
    Map<String, TrialResult> best = new LinkedHashMap<>();
    finding.trials().stream()
        .sorted(Comparator.comparingDouble(TrialResult::fvu))
        .forEach(result -> best.putIfAbsent(result.trial().place().toString(), result));
    if (best.isEmpty()) {
      return;
    }
    line("%8s  %8s  the best trial at each of %s places", "FVU", "L0", best.size());
    best.values().stream()
        .limit(PLACES)
        .forEach(
            result ->
                line(
                    "%8s  %8s  %s, %s, %s",
                    Audit.number(result.fvu()),
                    Audit.number(result.l0()),
                    result.trial().place(),
                    reads(result.trial()),
                    begin(result.trial())));
    line("");
  }

  private void rows() {
    line("%8s  %8s  %8s  %7s  %13s  dictionary", "FVU", "L0", "promised", "dead", "rank");
    for (Finding finding : audit.dictionaries()) {
      Measured at = finding.place();
      String promised = finding.promise().l0() == null ? "-" : Audit.number(finding.promise().l0());
      if (at == null) {
        line("%8s  %8s  %8s  %7s  %13s  %s", "-", "-", promised, "-", "-", finding.name());
      } else {
        line(
            "%8s  %8s  %8s  %7s  %13s  %s",
            Audit.number(at.fvu()),
            Audit.number(at.l0()),
            promised,
            percent(at.deadFraction()),
            String.format(Locale.ROOT, "%.0f of %s", at.effectiveRank(), at.width()),
            finding.name());
      }
    }
    line("");
    line(
        "Where each fits, or else as configured. Dead: fired on none of %,d tokens.",
        audit.tokens());
  }

  private void row(String name, List<String> values) {
    StringBuilder line = new StringBuilder(padded(name, NAME));
    values.forEach(value -> line.append(padded(value, COLUMN)));
    line("%s", line.toString().stripTrailing());
  }

  private static String padded(String text, int width) {
    return text + " ".repeat(Math.max(1, width - text.length()));
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }

  private void line(String format, Object... values) {
    out.println(String.format(Locale.ROOT, format, values));
  }
}

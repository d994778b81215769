package io.sluice.report.audit;

import io.sluice.audit.Audit;
import io.sluice.audit.Finding;
import io.sluice.audit.Normalisation;
import io.sluice.audit.Place;
import io.sluice.audit.Trial;
import io.sluice.audit.TrialResult;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** The FVU of all trials of a dictionary, as a table of places and normalisations. */
final class TrialTable {
  private final Finding finding;
  private final boolean beginning;
  private final Map<Trial, TrialResult> results = new HashMap<>();
  private final Set<Place> places = new LinkedHashSet<>();
  private final List<Boolean> biases = new ArrayList<>();

  private TrialTable(Finding finding, boolean beginning) {
    this.finding = finding;
    this.beginning = beginning;
    for (TrialResult result : finding.trials()) {
      if (result.trial().beginning() == beginning) {
        results.put(result.trial(), result);
        places.add(result.trial().place());
        if (!biases.contains(result.trial().otherBias())) {
          biases.add(result.trial().otherBias());
        }
      }
    }
  }

  /** The tables of both ways in which contexts begin; that of the verdict comes first. */
  static String of(Finding finding) {
    boolean first = finding.place() != null && finding.place().trial().beginning();
    return new TrialTable(finding, first).html() + new TrialTable(finding, !first).html();
  }

  private String html() {
    if (results.isEmpty()) {
      return "";
    }
    StringBuilder html = new StringBuilder("<figure class=\"figure\"><figcaption><h3>");
    html.append(
        beginning
            ? "Contexts that begin with the beginning-of-text token"
            : "Contexts without a beginning-of-text token");
    html.append(
        "</h3></figcaption><div class=\"scroll\"><table class=\"data-table trials\"><thead>");
    html.append("<tr><th scope=\"col\">Place</th>");
    for (boolean other : biases) {
      for (Normalisation normalisation : Normalisation.tried(finding.promise().normalisation())) {
        html.append("<th scope=\"col\">")
            .append(
                normalisation == Normalisation.NONE
                    ? "unchanged"
                    : normalisation.label().replace('_', ' '))
            .append(other ? bias() : "")
            .append("</th>");
      }
    }
    html.append("</tr></thead><tbody>\n");
    for (Place place : places) {
      html.append("<tr><th scope=\"row\">").append(place).append("</th>");
      for (boolean other : biases) {
        for (Normalisation normalisation : Normalisation.tried(finding.promise().normalisation())) {
          html.append(cell(new Trial(place, beginning, normalisation, other)));
        }
      }
      html.append("</tr>\n");
    }
    return html.append("</tbody></table></div></figure>\n").toString();
  }

  /** What the columns on the right differ in. */
  private String bias() {
    return finding.promise().subtractsBias() ? ", bias kept" : ", bias subtracted";
  }

  private String cell(Trial trial) {
    TrialResult result = results.get(trial);
    if (result == null) {
      return "<td class=\"none\">–</td>";
    }
    boolean configured = finding.configured() != null && finding.configured().trial().equals(trial);
    boolean fitting = finding.fitting() != null && finding.fitting().trial().equals(trial);
    String mark = (configured ? " configured" : "") + (fitting ? " fitting" : "");
    return String.format(
        Locale.ROOT,
        "<td class=\"fvu%s\" style=\"--fits:%.0f%%\" title=\"L0 %.1f, %.1f %% of the features fired\">%s</td>",
        mark,
        100 * Math.max(0, 1 - result.fvu()),
        result.l0(),
        100 * result.fired(),
        Audit.number(result.fvu()));
  }
}

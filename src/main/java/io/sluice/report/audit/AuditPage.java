package io.sluice.report.audit;

import io.sluice.audit.Audit;
import io.sluice.audit.Finding;
import io.sluice.audit.Measured;
import io.sluice.audit.Outcome;
import io.sluice.audit.Promise;
import io.sluice.page.HtmlPage;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * An audit as one HTML page that is complete in itself. Its figure is SVG and needs no script; its
 * script chooses light or dark.
 */
public final class AuditPage {
  private final Audit audit;
  private final StringBuilder body = new StringBuilder();

  private AuditPage(Audit audit) {
    this.audit = audit;
  }

  /**
   * The page, in UTF-8.
   *
   * @param provenance what made it, by name; shown at its end
   */
  public static byte[] html(Audit audit, Map<String, String> provenance) {
    AuditPage page = new AuditPage(audit);
    String theme = HtmlPage.themeBoot();
    String script = HtmlPage.baseScript() + "\n" + HtmlPage.script(AuditPage.class, "audit.js");
    Map<String, String> parts = new HashMap<>();
    parts.put("title", "Audit of dictionaries of " + HtmlPage.escape(audit.model()));
    parts.put("headline", HtmlPage.escape(page.headline()));
    parts.put("lede", page.lede());
    parts.put("policy", HtmlPage.policy(List.of(theme, script)));
    parts.put("style", HtmlPage.baseStyle() + HtmlPage.resource(AuditPage.class, "audit.css"));
    parts.put("themeBoot", theme);
    parts.put("script", script);
    parts.put("body", page.body());
    parts.put("facts", facts(provenance));
    return HtmlPage.fill(HtmlPage.resource(AuditPage.class, "audit.html"), parts)
        .getBytes(StandardCharsets.UTF_8);
  }

  private String headline() {
    List<Finding> all = audit.dictionaries();
    if (all.size() == 1) {
      return switch (all.getFirst().outcome()) {
        case RIGHT -> "It is where its configuration says.";
        case OTHER_PLACE -> "It fits another place than its configuration says.";
        case OTHER_NORMALISATION -> "It needs another normalisation than its configuration says.";
        case OTHER_BEGINNING -> "It needs contexts that begin in another way.";
        case SEVERAL -> "It fits where several settings differ from its configuration.";
        case UNNAMED -> "Its configuration names no place of this model; it fits one.";
        case NOWHERE -> "It fits nowhere that was tried.";
      };
    }
    long right = all.stream().filter(each -> each.outcome() == Outcome.RIGHT).count();
    return right == all.size()
        ? "All %s dictionaries are where their configurations say.".formatted(all.size())
        : "%s of %s dictionaries %s where %s says."
            .formatted(
                right,
                all.size(),
                right == 1 ? "is" : "are",
                right == 1 ? "its configuration" : "their configuration");
  }

  /** Paragraphs below the headline. */
  private String lede() {
    List<Finding> all = audit.dictionaries();
    String sentence =
        all.size() == 1
            ? "<p>"
                + HtmlPage.escape(all.getFirst().name() + " " + all.getFirst().sentence())
                + ".</p>\n"
            : "";
    return sentence
        + "<p>"
        + HtmlPage.escape(
            String.format(
                Locale.ROOT,
                "Attached to %s over %s: every place and normalisation on %,d tokens, those of the verdict on %,d.",
                audit.model(),
                audit.text(),
                audit.searchTokens(),
                audit.tokens()))
        + "</p>";
  }

  private String body() {
    boolean several = audit.dictionaries().size() > 1;
    if (several) {
      overview();
    }
    for (Finding finding : audit.dictionaries()) {
      section(finding, several);
    }
    return body.toString();
  }

  private void overview() {
    body.append(
        "<section><h2>Dead features and rank</h2>\n<p class=\"prose\">A feature is dead if it ");
    body.append(String.format(Locale.ROOT, "fired on none of %,d tokens. ", audit.tokens()));
    body.append(
        "The effective rank is that of the activations that a dictionary reads, where it fits."
            + " Hollow: not where its configuration says.</p>\n<figure class=\"figure\">");
    body.append(RankFigure.of(audit.dictionaries()));
    body.append(
        "</figure>\n<figure class=\"figure\"><div class=\"scroll\"><table class=\"data-table\"><thead><tr>");
    for (String name :
        List.of(
            "Dictionary", "Verdict", "Place", "FVU", "L0", "Promised", "Dead", "Rank", "of d")) {
      body.append("<th scope=\"col\">").append(name).append("</th>");
    }
    body.append("</tr></thead><tbody>\n");
    for (Finding each : audit.dictionaries()) {
      row(each);
    }
    body.append("</tbody></table></div></figure></section>\n");
  }

  private void row(Finding finding) {
    Measured at = finding.place();
    body.append("<tr><th scope=\"row\">").append(HtmlPage.escape(finding.name())).append("</th>");
    cell(finding.outcome().label());
    if (at == null) {
      cell("–");
      cell("–");
      cell("–");
    } else {
      cell(at.trial().place().toString());
      cell(Audit.number(at.fvu()));
      cell(Audit.number(at.l0()));
    }
    cell(finding.promise().l0() == null ? "–" : Audit.number(finding.promise().l0()));
    if (at == null) {
      cell("–");
      cell("–");
      cell("–");
    } else {
      cell(percent(at.deadFraction()));
      cell(String.format(Locale.ROOT, "%.0f", at.effectiveRank()));
      cell(percent(at.effectiveRankRatio()));
    }
    body.append("</tr>\n");
  }

  private void cell(String text) {
    body.append("<td>").append(HtmlPage.escape(text)).append("</td>");
  }

  private void section(Finding finding, boolean several) {
    body.append("<section><h2>").append(HtmlPage.escape(finding.name())).append("</h2>\n");
    if (several) {
      body.append("<p class=\"prose\">It ")
          .append(HtmlPage.escape(finding.sentence()))
          .append(".</p>\n");
    }
    tiles(finding);
    promises(finding);
    if (!finding.trials().isEmpty()) {
      body.append("<details").append(several ? "" : " open").append("><summary>FVU of ");
      body.append(String.format(Locale.ROOT, "%,d", finding.trials().size()));
      body.append(
          " trials</summary>\n<p class=\"note\">The smaller, the stronger the colour. Dashed: as its"
              + " configuration says. Framed: where it fits. Point at a number for its L0.</p>\n");
      body.append(TrialTable.of(finding));
      body.append("</details>\n");
    }
    body.append("</section>\n");
  }

  private void tiles(Finding finding) {
    Measured at = finding.place();
    if (at == null) {
      return;
    }
    Promise promise = finding.promise();
    body.append("<dl class=\"tiles\">");
    tile(
        Audit.number(at.fvu()),
        "FVU at "
            + at.trial().place()
            + (finding.configured() == null || finding.configured().equals(at)
                ? ""
                : "; as configured " + Audit.number(finding.configured().fvu())));
    tile(
        Audit.number(at.l0()),
        "features per token"
            + (promise.l0() == null
                ? "; nothing promises a number"
                : "; its " + promise.l0From() + " promises " + Audit.number(promise.l0())));
    tile(
        percent(at.deadFraction()),
        String.format(
            Locale.ROOT,
            "of %,d features fired on none of %,d tokens",
            finding.features(),
            at.tokens()));
    tile(
        String.format(Locale.ROOT, "%.0f", at.effectiveRank()),
        String.format(
            Locale.ROOT,
            "effective rank of %d dimensions; %d hold %.0f %% of the variance",
            at.width(),
            at.intrinsicDimension(),
            100 * Audit.TAU));
    body.append("</dl>\n");
  }

  private void tile(String number, String text) {
    body.append("<div class=\"tile\"><dt>")
        .append(HtmlPage.escape(text))
        .append("</dt><dd>")
        .append(HtmlPage.escape(number))
        .append("</dd></div>");
  }

  private void promises(Finding finding) {
    Promise promise = finding.promise();
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("Verdict", finding.outcome().label());
    facts.put("Its model", promise.model());
    facts.put(
        "Its hook point",
        promise.reads().equals(promise.writes())
            ? promise.reads()
            : promise.reads() + " to " + promise.writes());
    facts.put("Its contexts", contexts(promise.beginning()));
    facts.put("It reads", promise.normalisation().words());
    facts.put("Its decoder bias", promise.subtractsBias() ? "subtracted" : "not subtracted");
    facts.put("Activation", finding.activation());
    facts.put(
        "Median threshold", promise.threshold() == null ? "" : Audit.number(promise.threshold()));
    body.append("<dl class=\"facts\">").append(facts(facts)).append("</dl>\n");
  }

  private static String contexts(Boolean beginning) {
    return beginning == null
        ? "not said how they begin"
        : beginning ? "begin with the beginning-of-text token" : "begin with the text";
  }

  private static String facts(Map<String, String> facts) {
    StringBuilder html = new StringBuilder();
    facts.forEach(
        (name, value) -> {
          if (!value.isBlank()) {
            html.append("<dt>")
                .append(HtmlPage.escape(name))
                .append("</dt><dd>")
                .append(HtmlPage.escape(value))
                .append("</dd>\n");
          }
        });
    return html.toString();
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }
}

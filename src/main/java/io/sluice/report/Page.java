package io.sluice.report;

import io.sluice.page.HtmlPage;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Fills the report's template; the page's only scripts are the three whose hashes it lists. */
final class Page {
  private static final String ECHARTS = "/META-INF/resources/webjars/echarts/5.5.0/echarts.min.js";

  /** In the order of their dependencies. */
  private static final List<String> SCRIPTS =
      List.of(
          "looks.js",
          "refresh.js",
          "figure.js",
          "geometry.js",
          "projection.js",
          "loss.js",
          "training.js",
          "sweep.js",
          "tables.js",
          "evals.js",
          "cards.js",
          "main.js");

  private Page() {}

  /**
   * The page in UTF-8.
   *
   * @param following how the page goes on; null if it stays as it is
   */
  static byte[] render(Report report, Following following) {
    Findings findings =
        Findings.of(
            report.spectra(), report.loss(), report.runs(), report.sweeps(), report.features());
    String theme = HtmlPage.themeBoot() + "\n" + HtmlPage.script(Page.class, "js/refresh-boot.js");
    String echarts = HtmlPage.script(Page.class, ECHARTS);
    String page =
        HtmlPage.baseScript()
            + "\n"
            + SCRIPTS.stream()
                .map(name -> HtmlPage.script(Page.class, "js/" + name))
                .collect(Collectors.joining("\n"));
    Map<String, String> parts = new HashMap<>();
    parts.put("title", HtmlPage.escape(report.title()));
    parts.put("headline", HtmlPage.escape(findings.headline()));
    parts.put("refresh", following == null ? "" : following.attributes());
    parts.put("refreshWithoutScript", following == null ? "" : following.tag());
    parts.put("following", following == null ? "" : following.paragraph());
    parts.put("findings", paragraphs(findings.sentences()));
    parts.put("policy", HtmlPage.policy(List.of(theme, echarts, page)));
    parts.put("style", HtmlPage.baseStyle() + HtmlPage.resource(Page.class, "page.css"));
    parts.put("themeBoot", theme);
    parts.put("echarts", echarts);
    parts.put("data", HtmlPage.json(PageModel.of(report)));
    parts.put("script", page);
    return HtmlPage.fill(HtmlPage.resource(Page.class, "page.html"), parts)
        .getBytes(StandardCharsets.UTF_8);
  }

  private static String paragraphs(List<String> sentences) {
    return sentences.stream()
        .map(s -> "<p>" + HtmlPage.escape(s) + "</p>")
        .collect(Collectors.joining("\n      "));
  }
}

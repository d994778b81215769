package io.sluice.browse;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.features.FeatureManifest;
import io.sluice.page.HtmlPage;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Fills the template of the page, for the server and for a file. */
final class BrowsePage {
  /** In the order of their dependencies. */
  private static final List<String> SCRIPTS =
      List.of(
          "words.js",
          "tip.js",
          "columns.js",
          "search.js",
          "source.js",
          "list.js",
          "scatter.js",
          "limits.js",
          "contexts.js",
          "feature.js",
          "main.js");

  private BrowsePage() {}

  /**
   * The page and its policy.
   *
   * @param html the page, in UTF-8
   * @param policy the content security policy that it states itself
   */
  record Rendered(byte[] html, String policy) {}

  /**
   * Fills the template.
   *
   * @param title the page's title
   * @param data what the script reads: the summary and, in a file, the features
   * @param served whether the page may ask the server that it came from
   */
  static Rendered render(String title, ObjectNode data, boolean served) {
    String theme = HtmlPage.themeBoot();
    String script =
        HtmlPage.baseScript()
            + "\n"
            + SCRIPTS.stream()
                .map(name -> HtmlPage.script(BrowsePage.class, "js/" + name))
                .collect(Collectors.joining("\n"));
    String style = HtmlPage.baseStyle() + HtmlPage.resource(BrowsePage.class, "browse.css");
    String policy = policy(List.of(theme, script), style, served);
    Map<String, String> parts = new HashMap<>();
    parts.put("title", HtmlPage.escape(title));
    parts.put("policy", policy);
    parts.put("style", style);
    parts.put("themeBoot", theme);
    parts.put("data", HtmlPage.json(data));
    parts.put("script", script);
    parts.put(
        "foot",
        served
            ? "Served by Sluice on this computer alone. The page loads nothing from elsewhere."
            : "Made by Sluice. This page is complete in itself and loads nothing from the network.");
    String html = HtmlPage.fill(HtmlPage.resource(BrowsePage.class, "browse.html"), parts);
    return new Rendered(html.getBytes(StandardCharsets.UTF_8), policy);
  }

  private static String policy(List<String> scripts, String style, boolean served) {
    return "default-src 'none'; script-src "
        + scripts.stream().map(HtmlPage::hash).collect(Collectors.joining(" "))
        + "; style-src "
        + HtmlPage.hash(style)
        + "; img-src data:"
        + (served ? "; connect-src 'self'" : "")
        + "; base-uri 'none'; form-action 'none'";
  }

  /** What the page says about all features of a dictionary. */
  static ObjectNode summary(BrowsedFeatures browsed, int which, FeatureColumns columns) {
    FeatureManifest manifest = browsed.folders().get(which).manifest();
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("name", manifest.dictionary().path());
    json.put("short", browsed.names().get(which));
    json.put("hook", String.join(", ", manifest.dictionary().writes()));
    json.put("model", BrowsedFeatures.lastName(manifest.store().model()));
    json.put("features", columns.features());
    json.put("dead", columns.deadCount());
    json.put("silent", columns.silentCount());
    json.put("rows", manifest.tokens());
    json.put("deadWindow", manifest.deadWindow());
    return json;
  }

  static String title(BrowsedFeatures browsed) {
    return "Features of " + String.join(" and ", browsed.names());
  }
}

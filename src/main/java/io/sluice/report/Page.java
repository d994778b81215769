package io.sluice.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Fills the page's template.
 *
 * <p>Nothing from a file can run in the page: text is escaped, data is JSON without {@code <},
 * {@code >} or {@code &}, the script inserts it as text only, and the page's content security
 * policy allows only the three scripts whose hashes it lists and no requests.
 */
final class Page {
  private static final String ECHARTS = "/META-INF/resources/webjars/echarts/5.5.0/echarts.min.js";

  /** In the order of their dependencies. */
  private static final List<String> SCRIPTS =
      List.of(
          "format.js",
          "dom.js",
          "theme.js",
          "figure.js",
          "geometry.js",
          "projection.js",
          "loss.js",
          "training.js",
          "sweep.js",
          "tables.js",
          "main.js");

  private static final JsonMapper JSON = new JsonMapper();

  private Page() {}

  static byte[] render(Report report) {
    Findings findings =
        Findings.of(report.spectra(), report.loss(), report.runs(), report.sweeps());
    String theme = script("theme-boot.js");
    String echarts = checked(ECHARTS, resource(ECHARTS));
    String page = SCRIPTS.stream().map(Page::script).collect(Collectors.joining("\n"));
    Map<String, String> parts = new HashMap<>();
    parts.put("title", escape(report.title()));
    parts.put("headline", escape(findings.headline()));
    parts.put("findings", paragraphs(findings.sentences()));
    parts.put("policy", policy(List.of(theme, echarts, page)));
    parts.put("style", resource("page.css"));
    parts.put("themeBoot", theme);
    parts.put("echarts", echarts);
    parts.put("data", json(PageModel.of(report)));
    parts.put("script", page);
    return fill(resource("page.html"), parts).getBytes(StandardCharsets.UTF_8);
  }

  /** Text made safe for HTML, in element content and in quoted attributes. */
  static String escape(String text) {
    StringBuilder out = new StringBuilder(text.length() + 16);
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> out.append("&amp;");
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '"' -> out.append("&quot;");
        case '\'' -> out.append("&#39;");
        default -> out.append(c);
      }
    }
    return out.toString();
  }

  /** JSON for a script element: markup characters are escaped in its strings. */
  static String json(Object value) {
    try {
      return JSON.writeValueAsString(value)
          .replace("&", "\\u0026")
          .replace("<", "\\u003c")
          .replace(">", "\\u003e")
          .replace("\u2028", "\\u2028")
          .replace("\u2029", "\\u2029");
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("the page's data does not serialise", e);
    }
  }

  /** Replaces each {@code {{name}}} once; inserted text is not expanded again. */
  static String fill(String template, Map<String, String> parts) {
    StringBuilder out = new StringBuilder(template.length());
    int at = 0;
    for (int open = template.indexOf("{{"); open >= 0; open = template.indexOf("{{", at)) {
      int close = template.indexOf("}}", open);
      String name = template.substring(open + 2, close);
      if (!parts.containsKey(name)) {
        throw new IllegalStateException("the template names an unknown part '" + name + "'");
      }
      out.append(template, at, open).append(parts.get(name));
      at = close + 2;
    }
    return out.append(template, at, template.length()).toString();
  }

  private static String paragraphs(List<String> sentences) {
    return sentences.stream()
        .map(s -> "<p>" + escape(s) + "</p>")
        .collect(Collectors.joining("\n      "));
  }

  private static String policy(List<String> scripts) {
    return "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; script-src "
        + scripts.stream().map(Page::hash).collect(Collectors.joining(" "));
  }

  private static String hash(String script) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(script.getBytes(StandardCharsets.UTF_8));
      return "'sha256-" + Base64.getEncoder().encodeToString(digest) + "'";
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  private static String script(String name) {
    return checked(name, resource("js/" + name));
  }

  /**
   * Refuses a script that ends its own element or has a carriage return, which would not match its
   * hash.
   */
  private static String checked(String name, String script) {
    if (script.contains("</script") || script.contains("<!--") || script.indexOf('\r') >= 0) {
      throw new IllegalStateException(name + " cannot stand inside a page");
    }
    return script;
  }

  private static String resource(String name) {
    try (InputStream in = Page.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("the class path lacks " + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

package io.sluice.page;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The parts of a page that is complete in itself.
 *
 * <p>Nothing from a file can run in such a page: text is escaped, data is JSON without {@code <},
 * {@code >} or {@code &}, scripts insert it as text only, and the page's content security policy
 * allows only the scripts whose hashes it lists.
 */
public final class HtmlPage {
  private static final JsonMapper JSON = new JsonMapper();

  private HtmlPage() {}

  /** Text made safe for HTML, in element content and in quoted attributes. */
  public static String escape(String text) {
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

  /**
   * JSON for a script element: markup characters are escaped in its strings.
   *
   * @throws IllegalStateException if {@code value} has no JSON
   */
  public static String json(Object value) {
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

  /**
   * Replaces each {@code {{name}}} once; inserted text is not expanded again.
   *
   * @throws IllegalStateException if {@code parts} lacks a name
   */
  public static String fill(String template, Map<String, String> parts) {
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

  /** The content security policy of a page that makes no request and runs only {@code scripts}. */
  public static String policy(List<String> scripts) {
    return "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; script-src "
        + scripts.stream().map(HtmlPage::hash).collect(Collectors.joining(" "));
  }

  /** The hash of an inline script or style, as policies list it. */
  public static String hash(String content) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(content.getBytes(StandardCharsets.UTF_8));
      return "'sha256-" + Base64.getEncoder().encodeToString(digest) + "'";
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /** The style of what all pages have: colours, type, the bar on top, tiles, tooltips. */
  public static String baseStyle() {
    return resource(HtmlPage.class, "base.css");
  }

  /** The script that chooses light or dark before the first paint. */
  public static String themeBoot() {
    return script(HtmlPage.class, "theme-boot.js");
  }

  /** Scripts that all pages use: numbers as text, elements, the choice of light or dark. */
  public static String baseScript() {
    return List.of("format.js", "dom.js", "theme.js").stream()
        .map(name -> script(HtmlPage.class, name))
        .collect(Collectors.joining("\n"));
  }

  /**
   * A script among the resources beside {@code owner}.
   *
   * @throws IllegalStateException if it is missing, ends its own element, or has a carriage return,
   *     which would not match its hash
   */
  public static String script(Class<?> owner, String name) {
    String script = resource(owner, name);
    if (script.contains("</script") || script.contains("<!--") || script.indexOf('\r') >= 0) {
      throw new IllegalStateException(name + " cannot stand inside a page");
    }
    return script;
  }

  /**
   * A text among the resources beside {@code owner}.
   *
   * @throws IllegalStateException if it is missing
   */
  public static String resource(Class<?> owner, String name) {
    try (InputStream in = owner.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("the class path lacks " + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

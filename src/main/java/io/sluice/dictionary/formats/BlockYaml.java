package io.sluice.dictionary.formats;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Quoted;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Reads the part of YAML that configurations of dictionaries are written in: mappings and lists by
 * indentation, with texts, numbers, truth values and null in one line each. Everything else is
 * refused: tags, which name classes; anchors and references, with which a few lines become
 * millions; lists and mappings in brackets that are not empty; texts of several lines.
 */
final class BlockYaml {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final int DEEPEST = 32;

  /** Characters that mean something else in a key without quotation marks. */
  private static final String NO_KEY = "#\"'{}[],&*!|>%@`";

  private static final Pattern INTEGER = Pattern.compile("[-+]?[0-9]{1,18}");
  private static final Pattern NUMBER =
      Pattern.compile(
          "[-+]?(?:[0-9]{1,40}(?:\\.[0-9]{0,40})?|\\.[0-9]{1,40})(?:[eE][-+]?[0-9]{1,4})?");

  /**
   * A line that says something.
   *
   * @param number from 1
   * @param indent spaces before its text
   */
  private record Line(int number, int indent, String text) {}

  private final List<Line> lines = new ArrayList<>();
  private int at;

  private BlockYaml() {}

  /**
   * Reads a document.
   *
   * @throws IOException if it is not of this part of YAML; the message names the line, not the file
   */
  static JsonNode read(String document) throws IOException {
    BlockYaml yaml = new BlockYaml();
    yaml.split(document);
    if (yaml.lines.isEmpty()) {
      return NODES.nullNode();
    }
    JsonNode root = yaml.block(yaml.lines.getFirst().indent, 0);
    if (yaml.at < yaml.lines.size()) {
      throw yaml.wrong("is indented unlike those before it");
    }
    return root;
  }

  private void split(String document) throws IOException {
    int number = 0;
    for (String text : document.lines().toList()) {
      number++;
      int indent = 0;
      while (indent < text.length() && text.charAt(indent) == ' ') {
        indent++;
      }
      String said = withoutComment(text.substring(indent)).stripTrailing();
      if (said.isEmpty() || said.equals("---") && lines.isEmpty()) {
        continue;
      }
      lines.add(new Line(number, indent, said));
    }
  }

  /** A number sign begins a comment at the start of a line and after a space. */
  private static String withoutComment(String text) {
    char quote = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean starts = i == 0 || text.charAt(i - 1) == ' ';
      if (quote != 0) {
        if (c == '\'' && quote == c && text.startsWith("''", i)) {
          i++; // Two stand for one.
        } else if (c == quote) {
          quote = 0;
        }
      } else if ((c == '"' || c == '\'') && starts) {
        quote = c;
      } else if (c == '#' && starts) {
        return text.substring(0, i);
      }
    }
    return text;
  }

  /** The mapping, list or value that begins in this line. */
  private JsonNode block(int indent, int depth) throws IOException {
    if (depth > DEEPEST) {
      throw wrong("is deeper than " + DEEPEST + " levels");
    }
    String text = lines.get(at).text;
    if (isItem(text)) {
      return list(indent, depth);
    }
    if (key(text) != null) {
      return mapping(indent, depth);
    }
    JsonNode value = scalar(text);
    at++;
    return value;
  }

  private ArrayNode list(int indent, int depth) throws IOException {
    ArrayNode items = NODES.arrayNode();
    while (at < lines.size() && lines.get(at).indent == indent && isItem(lines.get(at).text)) {
      Line line = lines.get(at);
      String rest = line.text.substring(1).stripLeading();
      if (rest.isEmpty()) {
        at++;
        items.add(below(indent, false, depth));
      } else {
        // What follows the dash is a block of its own, indented as far as it stands.
        int column = indent + line.text.length() - rest.length();
        lines.set(at, new Line(line.number, column, rest));
        items.add(block(column, depth + 1));
      }
    }
    return items;
  }

  private ObjectNode mapping(int indent, int depth) throws IOException {
    ObjectNode mapping = NODES.objectNode();
    while (at < lines.size() && lines.get(at).indent == indent && !isItem(lines.get(at).text)) {
      String[] key = key(lines.get(at).text);
      if (key == null) {
        throw wrong("is neither 'key: value' nor an item of a list");
      }
      if (mapping.has(key[0])) {
        throw wrong("has the key " + Quoted.of(key[0]) + " for the second time");
      }
      if (key[1].isEmpty()) {
        at++;
        mapping.set(key[0], below(indent, true, depth));
      } else {
        mapping.set(key[0], scalar(key[1]));
        at++;
      }
    }
    return mapping;
  }

  /**
   * What is indented further than a key or a dash; null if nothing is.
   *
   * @param list whether a list may be indented as far as its key
   */
  private JsonNode below(int indent, boolean list, int depth) throws IOException {
    if (at == lines.size()) {
      return NODES.nullNode();
    }
    Line line = lines.get(at);
    boolean inside = line.indent > indent || list && line.indent == indent && isItem(line.text);
    return inside ? block(line.indent, depth + 1) : NODES.nullNode();
  }

  private static boolean isItem(String text) {
    return text.equals("-") || text.startsWith("- ");
  }

  /** A key, and what follows it in its line; null if the line has none. */
  private String[] key(String text) throws IOException {
    int colon = text.indexOf(':');
    if (colon > 0
        && (colon + 1 == text.length() || text.charAt(colon + 1) == ' ')
        && (text.charAt(0) == '_' || Character.isLetterOrDigit(text.charAt(0)))
        && text.chars().limit(colon).noneMatch(c -> NO_KEY.indexOf(c) >= 0)) {
      return new String[] {text.substring(0, colon).strip(), text.substring(colon + 1).strip()};
    }
    char quote = text.charAt(0);
    int end = quote == '"' || quote == '\'' ? text.indexOf(quote, 1) : -1;
    if (end < 0 || !text.startsWith(":", end + 1)) {
      return null;
    }
    return new String[] {quoted(text.substring(0, end + 1)), text.substring(end + 2).strip()};
  }

  private JsonNode scalar(String text) throws IOException {
    char first = text.charAt(0);
    if (first == '"' || first == '\'') {
      return NODES.textNode(quoted(text));
    }
    switch (text) {
      case "[]" -> {
        return NODES.arrayNode();
      }
      case "{}" -> {
        return NODES.objectNode();
      }
      case "null", "Null", "NULL", "~" -> {
        return NODES.nullNode();
      }
      case "true", "True", "TRUE" -> {
        return NODES.booleanNode(true);
      }
      case "false", "False", "FALSE" -> {
        return NODES.booleanNode(false);
      }
      default -> {}
    }
    if ("[]{},&*!|>%@`".indexOf(first) >= 0 || text.contains(": ") || text.endsWith(":")) {
      throw wrong("has " + Quoted.of(text) + ", a form of YAML that is not read");
    }
    if (INTEGER.matcher(text).matches()) {
      return NODES.numberNode(Long.parseLong(text));
    }
    return NUMBER.matcher(text).matches()
        ? NODES.numberNode(Double.parseDouble(text))
        : NODES.textNode(text);
  }

  private String quoted(String text) throws IOException {
    char quote = text.charAt(0);
    String inside = text.length() < 2 ? "" : text.substring(1, text.length() - 1);
    if (text.length() < 2 || text.charAt(text.length() - 1) != quote) {
      throw wrong("has a text without a closing quotation mark");
    }
    String bare = quote == '\'' ? inside.replace("''", "") : inside;
    if (bare.indexOf(quote) >= 0 || quote == '"' && inside.indexOf('\\') >= 0) {
      throw wrong("has a text with characters that are not read");
    }
    return quote == '\'' ? inside.replace("''", "'") : inside;
  }

  private IOException wrong(String what) {
    return new IOException("line " + lines.get(Math.min(at, lines.size() - 1)).number + " " + what);
  }
}

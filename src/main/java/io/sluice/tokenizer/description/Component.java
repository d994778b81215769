package io.sluice.tokenizer.description;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.files.Quoted;
import java.util.ArrayList;
import java.util.List;

/**
 * A part of a tokenizer's description. A field that is missing or of another type is an error that
 * names it.
 *
 * @param path its place in the description, for messages; empty for the whole
 * @param node a JSON object
 */
public record Component(String path, JsonNode node) {
  public Component {
    if (!node.isObject()) {
      throw new IllegalArgumentException(path + " is not an object");
    }
  }

  /** Whether a field is there and not null. */
  public boolean has(String name) {
    return node.hasNonNull(name);
  }

  public Component child(String name) throws TokenizerException {
    JsonNode child = node.path(name);
    if (!child.isObject()) {
      throw wrong(name, "must be an object");
    }
    return new Component(pathOf(name), child);
  }

  public List<Component> children(String name) throws TokenizerException {
    JsonNode list = list(name);
    List<Component> children = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      if (!list.get(i).isObject()) {
        throw wrong(name, "must be a list of objects");
      }
      children.add(new Component(pathOf(name) + "[" + i + "]", list.get(i)));
    }
    return children;
  }

  public JsonNode list(String name) throws TokenizerException {
    JsonNode list = node.path(name);
    if (!list.isArray()) {
      throw wrong(name, "must be a list");
    }
    return list;
  }

  public String text(String name) throws TokenizerException {
    JsonNode value = node.path(name);
    if (!value.isTextual()) {
      throw wrong(name, "must be a string");
    }
    return value.textValue();
  }

  public String text(String name, String otherwise) throws TokenizerException {
    return has(name) ? text(name) : otherwise;
  }

  /** A string of one character, as its code point. */
  public int character(String name) throws TokenizerException {
    String text = text(name);
    if (text.isEmpty() || text.codePointCount(0, text.length()) != 1) {
      throw wrong(name, "must be one character");
    }
    return text.codePointAt(0);
  }

  public boolean flag(String name) throws TokenizerException {
    JsonNode value = node.path(name);
    if (!value.isBoolean()) {
      throw wrong(name, "must be true or false");
    }
    return value.booleanValue();
  }

  public boolean flag(String name, boolean otherwise) throws TokenizerException {
    return has(name) ? flag(name) : otherwise;
  }

  /** A whole number from {@code least} to the largest {@code int}. */
  public int number(String name, int least) throws TokenizerException {
    JsonNode value = node.path(name);
    if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < least) {
      throw wrong(name, "must be a whole number of at least " + least);
    }
    return value.intValue();
  }

  public int number(String name, int least, int otherwise) throws TokenizerException {
    return has(name) ? number(name, least) : otherwise;
  }

  /** Reads the pattern of a Split or Replace: a text or a regular expression. */
  public Occurrences pattern() throws TokenizerException {
    Component pattern = child("pattern");
    if (pattern.has("String")) {
      String text = pattern.text("String");
      if (text.isEmpty()) {
        throw pattern.wrong("String", "must not be empty");
      }
      return Occurrences.of(text);
    }
    return new Regex(pattern.path + ".Regex", pattern.text("Regex"));
  }

  private String pathOf(String name) {
    return path.isEmpty() ? name : path + "." + name;
  }

  public TokenizerException wrong(String name, String must) {
    JsonNode value = node.path(name);
    String is =
        value.isMissingNode()
            ? "is missing"
            : value.isContainerNode()
                ? "is " + (value.isArray() ? "a list" : "an object")
                : "is " + (value.isTextual() ? Quoted.of(value.textValue()) : value.asText());
    return new TokenizerException("its " + pathOf(name) + " " + is + ", but " + must);
  }

  /** A part of a type that is not among those that are known. */
  public TokenizerException unknownType(String known) {
    return new TokenizerException(
        "its "
            + path
            + " is of type "
            + (has("type") ? Quoted.of(node.path("type").asText()) : "none")
            + ", there are "
            + known);
  }
}

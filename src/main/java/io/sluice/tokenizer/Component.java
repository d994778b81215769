package io.sluice.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.files.Quoted;
import java.util.ArrayList;
import java.util.List;

/**
 * A part of a tokenizer's description. A field that is missing or of another type is an error that
 * names it.
 *
 * @param path where it stands, for messages; empty for the whole
 * @param node a JSON object
 */
record Component(String path, JsonNode node) {
  Component {
    if (!node.isObject()) {
      throw new IllegalArgumentException(path + " is no object");
    }
  }

  /** Whether a field is there and not null. */
  boolean has(String name) {
    return node.hasNonNull(name);
  }

  Component child(String name) throws TokenizerException {
    JsonNode child = node.path(name);
    if (!child.isObject()) {
      throw wrong(name, "must be an object");
    }
    return new Component(pathOf(name), child);
  }

  List<Component> children(String name) throws TokenizerException {
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

  JsonNode list(String name) throws TokenizerException {
    JsonNode list = node.path(name);
    if (!list.isArray()) {
      throw wrong(name, "must be a list");
    }
    return list;
  }

  String text(String name) throws TokenizerException {
    JsonNode value = node.path(name);
    if (!value.isTextual()) {
      throw wrong(name, "must be a string");
    }
    return value.textValue();
  }

  String text(String name, String otherwise) throws TokenizerException {
    return has(name) ? text(name) : otherwise;
  }

  /** A string of one character, as its code point. */
  int character(String name) throws TokenizerException {
    String text = text(name);
    if (text.isEmpty() || text.codePointCount(0, text.length()) != 1) {
      throw wrong(name, "must be one character");
    }
    return text.codePointAt(0);
  }

  boolean flag(String name) throws TokenizerException {
    JsonNode value = node.path(name);
    if (!value.isBoolean()) {
      throw wrong(name, "must be true or false");
    }
    return value.booleanValue();
  }

  boolean flag(String name, boolean otherwise) throws TokenizerException {
    return has(name) ? flag(name) : otherwise;
  }

  /** A whole number from {@code least} to the largest {@code int}. */
  int number(String name, int least) throws TokenizerException {
    JsonNode value = node.path(name);
    if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < least) {
      throw wrong(name, "must be a whole number of at least " + least);
    }
    return value.intValue();
  }

  int number(String name, int least, int otherwise) throws TokenizerException {
    return has(name) ? number(name, least) : otherwise;
  }

  /** What a pattern of a Split or Replace says: a text or a regular expression. */
  Occurrences pattern() throws TokenizerException {
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

  TokenizerException wrong(String name, String must) {
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
  TokenizerException unknownType(String known) {
    return new TokenizerException(
        "its "
            + path
            + " is of type "
            + (has("type") ? Quoted.of(node.path("type").asText()) : "none")
            + ", there are "
            + known);
  }
}

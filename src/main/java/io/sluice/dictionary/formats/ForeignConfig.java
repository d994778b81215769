package io.sluice.dictionary.formats;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.AtomicFile;
import io.sluice.files.Quoted;
import io.sluice.files.RegularFile;
import io.sluice.files.StrictJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Another library's JSON config; every error is one line that names the file. */
final class ForeignConfig {
  private static final long MAX_BYTES = 8 << 20;
  private static final JsonMapper JSON = StrictJson.pythonMapper(StreamReadConstraints.defaults());

  private final Path file;
  private final JsonNode json;

  private ForeignConfig(Path file, JsonNode json) {
    this.file = file;
    this.json = json;
  }

  static ForeignConfig read(Path file) throws IOException {
    try {
      JsonNode json = JSON.readTree(StrictJson.text(RegularFile.bytes(file, MAX_BYTES)));
      if (json == null || !json.isObject()) {
        throw new IOException(file + ": is not a JSON object; fetch it again");
      }
      return new ForeignConfig(file, json);
    } catch (JsonProcessingException e) {
      throw new IOException(
          file + ": not valid JSON: " + StrictJson.reason(e) + "; fetch it again", e);
    }
  }

  /** The same in YAML, of which only the part is read that such files are written in. */
  static ForeignConfig readYaml(Path file) throws IOException {
    byte[] bytes = RegularFile.bytes(file, MAX_BYTES);
    JsonNode yaml;
    try {
      yaml = BlockYaml.read(StrictJson.text(bytes));
    } catch (JsonProcessingException e) {
      throw new IOException(
          file + ": not valid YAML: " + StrictJson.reason(e) + "; fetch it again", e);
    } catch (IOException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
    if (!yaml.isObject()) {
      throw new IOException(file + ": is not a mapping of names to values; fetch it again");
    }
    return new ForeignConfig(file, yaml);
  }

  static ObjectNode object() {
    return JSON.createObjectNode();
  }

  static void write(Path file, ObjectNode json) throws IOException {
    AtomicFile.write(file, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n");
  }

  Path file() {
    return file;
  }

  boolean has(String name) {
    return json.hasNonNull(name);
  }

  /** The object called {@code name}, or an empty one. */
  ForeignConfig within(String name) {
    JsonNode inner = json.path(name);
    return new ForeignConfig(file, inner.isObject() ? inner : JSON.createObjectNode());
  }

  /** Refuses a setting that would change what is computed, unless it is off: false, 0 or null. */
  void requireOff(String name, String reason) throws IOException {
    JsonNode value = json.path(name);
    boolean off =
        value.isMissingNode()
            || value.isNull()
            || value.isBoolean() && !value.booleanValue()
            || value.isNumber() && value.doubleValue() == 0;
    if (!off) {
      throw wrong("'" + name + "' is " + Quoted.of(value.asText(value.toString())) + ": " + reason);
    }
  }

  String text(String name) throws IOException {
    if (!json.path(name).isTextual()) {
      throw wrong("'" + name + "' is missing or not a text");
    }
    return json.get(name).textValue();
  }

  /** A text, or {@code otherwise} if it is missing or null. */
  String text(String name, String otherwise) throws IOException {
    return has(name) ? text(name) : otherwise;
  }

  int positive(String name) throws IOException {
    JsonNode value = json.path(name);
    if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 1) {
      throw wrong("'" + name + "' is missing or not a positive 32-bit integer");
    }
    return value.intValue();
  }

  /** The number of features, of a width and a factor. */
  int product(int width, int factor) throws IOException {
    long features = (long) width * factor;
    if (features > Integer.MAX_VALUE) {
      throw wrong(features + " features are more than fit");
    }
    return (int) features;
  }

  /** A number of features, as a k, which no dictionary has more of than {@code features}. */
  int count(String name, int features) throws IOException {
    int count = positive(name);
    if (count > features) {
      throw wrong(
          "%s is %s, but the dictionary has only %s features".formatted(name, count, features));
    }
    return count;
  }

  double number(String name) throws IOException {
    if (!json.path(name).isNumber()) {
      throw wrong("'" + name + "' is missing or not a number");
    }
    return json.get(name).doubleValue();
  }

  boolean bool(String name, boolean otherwise) throws IOException {
    if (!has(name)) {
      return otherwise;
    }
    if (!json.get(name).isBoolean()) {
      throw wrong("'" + name + "' is neither true nor false");
    }
    return json.get(name).booleanValue();
  }

  /** A list; empty if it is missing. */
  Iterable<JsonNode> list(String name) throws IOException {
    if (has(name) && !json.get(name).isArray()) {
      throw wrong("'" + name + "' is not a list");
    }
    return json.path(name);
  }

  /** The names of all that it has. */
  Iterable<String> names() {
    return json::fieldNames;
  }

  JsonNode node(String name) {
    return json.path(name);
  }

  /** The error for an unknown value. */
  IOException unknown(String name, String value, List<String> known) {
    return wrong(
        "unknown " + name + " " + Quoted.of(value) + "; known: " + String.join(", ", known));
  }

  IOException wrong(String what) {
    return new IOException(file + ": " + what);
  }
}

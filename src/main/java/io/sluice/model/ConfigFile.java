package io.sluice.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.sluice.files.RegularFile;
import io.sluice.files.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * A model's {@code config.json}, with settings checked as they are read.
 *
 * @param file where it is, for messages
 * @param json its content, an object
 */
record ConfigFile(Path file, JsonNode json) {
  private static final long MAX_BYTES = 16L << 20;

  private static final JsonMapper JSON = StrictJson.pythonMapper(StreamReadConstraints.defaults());

  /**
   * Reads a configuration.
   *
   * @throws IOException if the file is missing, too large or not a JSON object
   */
  static ConfigFile read(Path file) throws IOException {
    try {
      RegularFile.require(file);
      if (Files.size(file) > MAX_BYTES) {
        throw new IOException(file + ": is larger than a config.json can be; check the path");
      }
      JsonNode json = JSON.readTree(StrictJson.text(Files.readAllBytes(file)));
      if (json == null || !json.isObject()) {
        throw new IOException(file + ": is not a JSON object; the file is damaged, fetch it again");
      }
      return new ConfigFile(file, json);
    } catch (NoSuchFileException e) {
      throw new IOException(file + ": no such file; a model folder needs its config.json", e);
    } catch (JsonProcessingException e) {
      throw new IOException(
          file
              + ": is not valid JSON ("
              + StrictJson.reason(e)
              + "); the file is damaged, fetch it again",
          e);
    }
  }

  int integer(String name) throws IOException {
    JsonNode value = json.get(name);
    if (value == null || !value.isIntegralNumber() || !value.canConvertToInt()) {
      throw damaged(name + " is " + (value == null ? "missing" : value));
    }
    return value.intValue();
  }

  int integer(String name, int otherwise) throws IOException {
    return isGiven(name) ? integer(name) : otherwise;
  }

  /** The number or numbers of that name; none where it is missing. */
  Set<Integer> integers(String name) throws IOException {
    JsonNode value = json.path(name);
    Set<Integer> numbers = new TreeSet<>();
    if (value.isMissingNode() || value.isNull()) {
      return numbers;
    }
    for (JsonNode each : value.isArray() ? value : List.of(value)) {
      if (!each.isIntegralNumber() || !each.canConvertToInt()) {
        throw damaged(name + " is " + value);
      }
      numbers.add(each.intValue());
    }
    return numbers;
  }

  boolean bool(String name, boolean otherwise) throws IOException {
    if (!isGiven(name)) {
      return otherwise;
    }
    JsonNode value = json.get(name);
    if (!value.isBoolean()) {
      throw damaged(name + " is " + value);
    }
    return value.booleanValue();
  }

  /** Whether there is a value that is not null. */
  boolean isGiven(String name) {
    return json.hasNonNull(name);
  }

  /** Whether the file says null. */
  boolean isNull(String name) {
    return json.path(name).isNull();
  }

  double real(String name, double otherwise) throws IOException {
    JsonNode value = json.get(name);
    if (value == null || value.isNull()) {
      return otherwise;
    }
    if (!value.isNumber()) {
      throw damaged(name + " is " + value);
    }
    return value.doubleValue();
  }

  String text(String name, String otherwise) throws IOException {
    JsonNode value = json.get(name);
    if (value == null || value.isNull()) {
      return otherwise;
    }
    if (!value.isTextual()) {
      throw damaged(name + " is " + value);
    }
    return value.textValue();
  }

  IOException damaged(String wrong) {
    return new IOException(file + ": " + oneLine(wrong) + "; give the model's own config.json");
  }

  IOException unsupported(String name, String value, String supported) {
    return new IOException(
        file + ": " + name + " '" + oneLine(value) + "' is not supported; there are " + supported);
  }

  private static String oneLine(String text) {
    String line = text.replaceAll("[\\p{Cntrl}\\s]+", " ");
    return line.length() <= 80 ? line : line.substring(0, 80) + "…";
  }
}

package io.sluice.model.parts;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.sluice.files.Quoted;
import io.sluice.files.RegularFile;
import io.sluice.files.StrictJson;
import java.io.IOException;
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
 * @param read the keys that were read so far
 */
public record ConfigFile(Path file, JsonNode json, Set<String> read) {
  private static final long MAX_BYTES = 16L << 20;
  private static final int LONGEST = 80;

  private static final JsonMapper JSON = StrictJson.pythonMapper(StreamReadConstraints.defaults());

  /**
   * Reads a configuration.
   *
   * @throws IOException if the file is missing, too large or not a JSON object
   */
  public static ConfigFile read(Path file) throws IOException {
    try {
      JsonNode json = JSON.readTree(StrictJson.text(RegularFile.bytes(file, MAX_BYTES)));
      if (json == null || !json.isObject()) {
        throw new IOException(file + ": is not a JSON object; the file is damaged, fetch it again");
      }
      return new ConfigFile(file, json, new TreeSet<>());
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

  /** The value under a key; missing if there is none. */
  public JsonNode value(String name) {
    read.add(name);
    return json.path(name);
  }

  /**
   * A whole number.
   *
   * @param otherwise what a file means that lacks it
   * @throws IOException if the value is another, or null
   */
  public int integer(String name, int otherwise) throws IOException {
    JsonNode value = value(name);
    if (value.isMissingNode()) {
      return otherwise;
    }
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw damaged(name + " is " + value);
    }
    return value.intValue();
  }

  /** Like {@link #integer}, of a key that may be null, which means {@code ifNull}. */
  public int integer(String name, int otherwise, int ifNull) throws IOException {
    return isNull(name) ? ifNull : integer(name, otherwise);
  }

  /** The number or numbers of that name; none where it is missing. */
  public Set<Integer> integers(String name) throws IOException {
    JsonNode value = value(name);
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

  /** A truth value, as {@link #integer} is read. */
  public boolean bool(String name, boolean otherwise) throws IOException {
    JsonNode value = value(name);
    if (value.isMissingNode()) {
      return otherwise;
    }
    if (!value.isBoolean()) {
      throw damaged(name + " is " + value);
    }
    return value.booleanValue();
  }

  /** Whether there is a value that is not null. */
  public boolean isGiven(String name) {
    JsonNode value = value(name);
    return !value.isMissingNode() && !value.isNull();
  }

  /** Whether the file says null. */
  public boolean isNull(String name) {
    return value(name).isNull();
  }

  /** A number, as {@link #integer} is read. */
  public double real(String name, double otherwise) throws IOException {
    JsonNode value = value(name);
    if (value.isMissingNode()) {
      return otherwise;
    }
    if (!value.isNumber()) {
      throw damaged(name + " is " + value);
    }
    return value.doubleValue();
  }

  /** A text, as {@link #integer} is read. */
  public String text(String name, String otherwise) throws IOException {
    JsonNode value = value(name);
    if (value.isMissingNode()) {
      return otherwise;
    }
    if (!value.isTextual()) {
      throw damaged(name + " is " + value);
    }
    return value.textValue();
  }

  public IOException damaged(String wrong) {
    return new IOException(
        file + ": " + Quoted.line(wrong, LONGEST) + "; give the model's own config.json");
  }

  public IOException unsupported(String name, String value, String supported) {
    return new IOException(
        file
            + ": "
            + name
            + " "
            + Quoted.of(value, LONGEST)
            + " is not supported; there are "
            + supported);
  }
}

package io.sluice.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.sluice.files.StrictJson;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads a JSON file of a stated format, or says in one line why it cannot. */
final class JsonFile {
  /** Far above what any command writes; a larger file is not one of ours. */
  private static final long MOST_BYTES = 512L << 20;

  static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          .build();

  private JsonFile() {}

  /**
   * The content of {@code file} as a {@code type}.
   *
   * @param format the value that its field {@code format} must have
   * @param remedy what to do when the file is unusable, as the end of a sentence
   */
  static <T> T read(Path file, String format, Class<T> type, String remedy) throws IOException {
    JsonNode root = readTree(file, format, remedy);
    try {
      return MAPPER.treeToValue(root, type);
    } catch (ValueInstantiationException e) {
      // The records' own constructors complain about values in words for people.
      String why = e.getCause() == null ? StrictJson.reason(e) : e.getCause().getMessage();
      throw new IOException(file + ": " + oneLine(why) + "; " + remedy, e);
    } catch (JsonMappingException e) {
      throw new IOException(file + ": " + StrictJson.reason(e) + "; " + remedy, e);
    }
  }

  /** The content of {@code file} as a tree, once its {@code format} is the one expected. */
  static JsonNode readTree(Path file, String format, String remedy) throws IOException {
    checkReadable(file, remedy);
    JsonNode root;
    try (InputStream in = Files.newInputStream(file)) {
      root = MAPPER.readTree(in);
    } catch (JsonProcessingException e) {
      throw new IOException(file + ": " + damage(e) + "; " + remedy, e);
    }
    String found = root.path("format").asText("");
    if (!found.equals(format)) {
      String is = found.isEmpty() ? "has no \"format\"" : "has the format " + quote(found);
      throw new IOException(file + ": " + is + ", not \"" + format + "\"; " + remedy);
    }
    return root;
  }

  /** Throws, in words, when {@code file} is missing, a folder, empty or absurdly large. */
  static void checkReadable(Path file, String remedy) throws IOException {
    if (!Files.exists(file)) {
      throw new IOException(file + ": no such file; " + remedy);
    }
    if (!Files.isRegularFile(file)) {
      throw new IOException(file + ": is not a file; " + remedy);
    }
    if (!Files.isReadable(file)) {
      throw new IOException(file + ": may not be read; change its permissions");
    }
    long bytes = Files.size(file);
    if (bytes == 0) {
      throw new IOException(file + ": is empty; " + remedy);
    }
    if (bytes > MOST_BYTES) {
      throw new IOException(
          file + ": has " + bytes + " bytes, at most " + MOST_BYTES + " are read; " + remedy);
    }
  }

  /** What is wrong with JSON text, with the place. */
  static String damage(JsonProcessingException e) {
    String line = e.getLocation() == null ? "" : " at line " + e.getLocation().getLineNr();
    return StrictJson.endsEarly(e)
        ? "is cut off" + line
        : "is not valid JSON" + line + " (" + StrictJson.reason(e) + ")";
  }

  /** Text of unknown origin, made fit for one line of a message. */
  static String quote(String text) {
    return '"' + oneLine(text) + '"';
  }

  static String oneLine(String text) {
    if (text == null) {
      return "unreadable";
    }
    String line = text.replaceAll("[\\p{Cntrl}\\u2028\\u2029]+", " ").strip();
    return line.length() <= 120 ? line : line.substring(0, 119) + "…";
  }
}

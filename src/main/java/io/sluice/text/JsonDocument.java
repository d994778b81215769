package io.sluice.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import io.sluice.files.Quoted;
import io.sluice.files.StrictJson;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The document in a JSON value: a field of an object, or a text by itself.
 *
 * @param text the document; null if the value has none
 * @param problem why it has none, after the place of the value; null if it has one
 * @param remedy what to do about that
 */
record JsonDocument(String text, String problem, String remedy) {
  /** The longest document, far above those of large data sets. */
  static final int LONGEST = 1 << 28;

  /** Fields that a message names. */
  private static final int NAMED = 6;

  /** Parsers of such values. */
  static final JsonFactory JSON =
      StrictJson.pythonFactory(StreamReadConstraints.builder().maxStringLength(LONGEST).build());

  /**
   * Reads a value to its end.
   *
   * @param parser stands at the value's first token
   * @param field the field of an object that holds the text
   * @throws com.fasterxml.jackson.core.JsonProcessingException if it is not JSON
   */
  static JsonDocument read(JsonParser parser, String field) throws IOException {
    if (parser.currentToken() == JsonToken.VALUE_STRING) {
      return new JsonDocument(parser.getText(), null, null);
    }
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      String kind = kind(parser.currentToken());
      skip(parser, parser.currentLocation().getCharOffset());
      return none("is not a JSON object, but " + kind, "correct or remove it");
    }
    long start = parser.currentLocation().getCharOffset();
    String text = null;
    String instead = null;
    List<String> names = new ArrayList<>();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      boolean wanted = parser.currentName().equals(field);
      JsonToken value = parser.nextToken();
      if (wanted) {
        text = value == JsonToken.VALUE_STRING ? parser.getText() : null;
        instead = kind(value);
      } else if (names.size() < NAMED) {
        names.add(Quoted.of(parser.currentName()));
      }
      skip(parser, start);
    }
    if (text != null) {
      return new JsonDocument(text, null, null);
    }
    return none(
        instead == null
            ? "has no field " + Quoted.of(field) + ", but " + fields(names)
            : "has no text in its field " + Quoted.of(field) + ", but " + instead,
        "name the right one with --text-field");
  }

  private static JsonDocument none(String problem, String remedy) {
    return new JsonDocument(null, problem, remedy);
  }

  /**
   * Passes over the rest of a value. The parser remembers the names of the objects that are open,
   * so a value without end must not go on.
   *
   * @param start where the document begins
   */
  private static void skip(JsonParser parser, long start) throws IOException {
    int depth = 0;
    JsonToken token = parser.currentToken();
    while (true) {
      if (token == null) {
        return; // The file has ended; the parser says so when it is asked for more.
      }
      depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
      requireShort(parser, start);
      if (depth == 0) {
        return;
      }
      token = parser.nextToken();
    }
  }

  private static void requireShort(JsonParser parser, long start) throws IOException {
    if (parser.currentLocation().getCharOffset() - start > LONGEST) {
      throw new StreamConstraintsException("longer than " + LONGEST + " characters");
    }
  }

  private static String fields(List<String> names) {
    return names.isEmpty()
        ? "none at all"
        : String.join(", ", names) + (names.size() == NAMED ? ", …" : "");
  }

  private static String kind(JsonToken value) {
    return switch (value) {
      case START_ARRAY -> "a list";
      case START_OBJECT -> "an object";
      case VALUE_NULL -> "null";
      case VALUE_TRUE, VALUE_FALSE -> "true or false";
      default -> "a number";
    };
  }
}

package io.sluice.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import io.sluice.files.Quoted;
import io.sluice.files.StrictJson;
import io.sluice.text.columns.IdList;
import java.io.IOException;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;

/**
 * The document in a JSON value: a field of an object, or a text or list of token ids by itself.
 *
 * @param text the document, if it is text or, in JSON, messages; null if the value has none
 * @param ids the document, if it is token ids; null if the value has none
 * @param problem why it has none, after the place of the value; null if it has one
 * @param remedy what to do about that
 */
record JsonDocument(String text, IdList ids, String problem, String remedy) {
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
   * @param spec the field of an object that holds the document, and what it is
   * @throws com.fasterxml.jackson.core.JsonProcessingException if it is not JSON
   */
  static JsonDocument read(JsonParser parser, TextSpec spec) throws IOException {
    long start = parser.currentLocation().getCharOffset();
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      JsonToken token = parser.currentToken();
      JsonDocument itself = value(parser, spec, start);
      boolean isList = spec.form() != TextForm.TEXT && token == JsonToken.START_ARRAY;
      return itself.problem == null || isList
          ? itself
          : none("is not a JSON object, but " + kind(token), "correct or remove it");
    }
    JsonDocument found = null;
    List<String> names = new ArrayList<>();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      boolean wanted = parser.currentName().equals(spec.field());
      if (!wanted && names.size() < NAMED) {
        names.add(Quoted.of(parser.currentName()));
      }
      parser.nextToken();
      if (wanted) {
        found = value(parser, spec, start);
      } else {
        skip(parser, start);
      }
    }
    return found == null
        ? none(
            "has no field " + Quoted.of(spec.field()) + ", but " + fields(names),
            "name the right one with --text-field")
        : found;
  }

  /** The document that a value itself is. */
  private static JsonDocument value(JsonParser parser, TextSpec spec, long start)
      throws IOException {
    JsonToken token = parser.currentToken();
    boolean isText = spec.form() == TextForm.TEXT;
    if (isText && token == JsonToken.VALUE_STRING) {
      return new JsonDocument(parser.getText(), null, null, null);
    }
    if (!isText && token == JsonToken.START_ARRAY) {
      return spec.form() == TextForm.CHAT
          ? new JsonDocument(json(parser, start), null, null, null)
          : ids(parser, start);
    }
    String kind = kind(token);
    skip(parser, start);
    return none(
        "has no "
            + (isText ? "text" : spec.form() == TextForm.CHAT ? "messages" : "token ids")
            + " in its field "
            + Quoted.of(spec.field())
            + ", but "
            + kind,
        "name the right one with --text-field");
  }

  /** A value as text, in JSON. */
  private static String json(JsonParser parser, long start) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator copy = JSON.createGenerator(text)) {
      int depth = 0;
      do {
        JsonToken token = parser.currentToken();
        if (token == null) {
          break; // The file has ended; the parser says so when it is asked for more.
        }
        copy.copyCurrentEvent(parser);
        depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
        requireShort(parser, start);
        if (depth > 0) {
          parser.nextToken();
        }
      } while (depth > 0);
    }
    return text.toString();
  }

  private static JsonDocument ids(JsonParser parser, long start) throws IOException {
    IdList ids = new IdList();
    for (JsonToken item = parser.nextToken();
        item != JsonToken.END_ARRAY;
        item = parser.nextToken()) {
      if (item == null) {
        break; // The file has ended; the parser says so when it is asked for more.
      }
      if (item == JsonToken.VALUE_NUMBER_INT) {
        boolean fits = parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
        ids.add(fits ? parser.getLongValue() : Long.MAX_VALUE);
        requireShort(parser, start);
      } else {
        ids.wrong("has a list of token ids with " + kind(item) + " in it");
        skip(parser, start);
      }
    }
    return ids.problem() == null
        ? new JsonDocument(null, ids, null, null)
        : none(ids.problem(), "give token ids alone");
  }

  private static JsonDocument none(String problem, String remedy) {
    return new JsonDocument(null, null, problem, remedy);
  }

  /**
   * The document as {@link Documents} give it.
   *
   * @throws IOException if texts are read strictly and this has half of a character, or an id is
   *     one that no vocabulary has
   */
  Document document(String where, TextProblems problems) throws IOException {
    return ids == null
        ? new Document(new Pieces(Utf8.withoutHalves(text, where, problems)), null)
        : new Document(null, TokenIds.of(ids, where));
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
      case VALUE_STRING -> "text";
      case VALUE_NUMBER_FLOAT -> "a fraction";
      default -> "a number";
    };
  }
}

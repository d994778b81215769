package io.sluice.files;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.InputCoercionException;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Strict reading of JSON from untrusted files: duplicate names are errors, and names are not
 * interned. Python writes NaN and Infinity, which JSON does not have; {@link #pythonMapper} and
 * {@link #pythonFactory} read them.
 */
public final class StrictJson {
  private static final String NOT_UTF_8 = "it is not UTF-8";
  private static final Pattern TWICE = Pattern.compile("(?s)^Duplicate field '(.*)'$");
  private static final Pattern TOKEN = Pattern.compile("^Non-standard token '([-+A-Za-z]{1,9})'");

  private StrictJson() {}

  /**
   * Parsers that read token by token.
   *
   * @param limits limits on the size and depth of a document
   */
  public static JsonFactory factory(StreamReadConstraints limits) {
    return builder(limits).build();
  }

  /**
   * Parsers that read token by token, NaN, Infinity and -Infinity among the numbers.
   *
   * @param limits limits on the size and depth of a document
   */
  public static JsonFactory pythonFactory(StreamReadConstraints limits) {
    return builder(limits).enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS).build();
  }

  private static JsonFactoryBuilder builder(StreamReadConstraints limits) {
    return new JsonFactoryBuilder()
        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
        .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
        // Names come from the file and must not fill JVM-wide tables.
        .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
        .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
        .streamReadConstraints(limits);
  }

  /**
   * The text of a JSON file, without a byte-order mark. Jackson's parsers of bytes guess the
   * encoding: damage can look like UTF-32 and is then reported as something else.
   *
   * @throws JsonProcessingException if it is not UTF-8
   */
  public static String text(byte[] file) throws JsonProcessingException {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(file)).toString();
      return text.startsWith("\uFEFF") ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      throw new JsonParseException(null, NOT_UTF_8, e);
    }
  }

  /**
   * The error in a document, as the end of a sentence. Jackson's own messages are for programmers,
   * not for the owner of the file.
   */
  public static String reason(JsonProcessingException e) {
    return reason(e, ", in line %d", " in line %d, column %d");
  }

  /** Like {@link #reason}, for a document of one line: positions are columns. */
  public static String reasonInLine(JsonProcessingException e) {
    return reason(e, "", " at character %2$d");
  }

  private static String reason(JsonProcessingException e, String line, String column) {
    String words = e.getOriginalMessage();
    Matcher name = TWICE.matcher(words);
    Matcher token = TOKEN.matcher(words);
    if (words.equals(NOT_UTF_8)) {
      return words;
    }
    if (endsEarly(e)) {
      return "it ends too early" + place(line, e);
    }
    if (e instanceof StreamConstraintsException) {
      return "it exceeds the limits on nesting or on the length of texts and numbers";
    }
    if (name.find()) {
      return "the name " + Quoted.of(name.group(1)) + " occurs twice" + place(line, e);
    }
    if (token.find()) {
      return "it holds " + token.group(1) + ", which is not a JSON number" + place(line, e);
    }
    if (words.startsWith("Trailing token")) {
      return "something follows its end" + place(line, e);
    }
    if (e instanceof JsonMappingException mapping && !mapping.getPath().isEmpty()) {
      return "its field " + Quoted.of(path(mapping)) + " is missing or has a wrong value";
    }
    if (e instanceof InputCoercionException) {
      return "a number in it is out of range" + place(line, e);
    }
    return "it is malformed" + place(column, e);
  }

  /** Whether a document ended too early. */
  public static boolean endsEarly(JsonProcessingException e) {
    return e instanceof JsonEOFException
        || e.getOriginalMessage().startsWith("Unexpected end-of-input");
  }

  private static String path(JsonMappingException e) {
    StringBuilder path = new StringBuilder();
    for (JsonMappingException.Reference step : e.getPath()) {
      if (step.getFieldName() == null) {
        path.append('[').append(step.getIndex()).append(']');
      } else {
        path.append(path.isEmpty() ? "" : ".").append(step.getFieldName());
      }
    }
    return path.toString();
  }

  private static String place(String format, JsonProcessingException e) {
    JsonLocation at = e.getLocation();
    return at == null || at.getLineNr() < 1
        ? ""
        : String.format(Locale.ROOT, format, at.getLineNr(), at.getColumnNr());
  }

  /**
   * A reader of whole documents, after which nothing may follow.
   *
   * @param limits limits on the size and depth of a document
   */
  public static JsonMapper mapper(StreamReadConstraints limits) {
    return mapper(factory(limits));
  }

  /**
   * A reader of whole documents, after which nothing may follow; NaN, Infinity and -Infinity are
   * numbers.
   *
   * @param limits limits on the size and depth of a document
   */
  public static JsonMapper pythonMapper(StreamReadConstraints limits) {
    return mapper(pythonFactory(limits));
  }

  private static JsonMapper mapper(JsonFactory factory) {
    return JsonMapper.builder(factory)
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .build();
  }
}

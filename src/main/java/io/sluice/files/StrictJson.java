package io.sluice.files;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * JSON from files that others wrote: a name that comes twice is an error, and nothing of the file
 * outlives its reading.
 */
public final class StrictJson {
  private StrictJson() {}

  /**
   * Parsers that read token by token.
   *
   * @param limits what a file may ask for
   */
  public static JsonFactory factory(StreamReadConstraints limits) {
    return JsonFactory.builder()
        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
        .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
        // Names come from the file: keep them out of the JVM-wide tables.
        .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
        .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
        .streamReadConstraints(limits)
        .build();
  }

  /**
   * The text of a JSON file, without a byte-order mark. The parsers take bytes, too, but guess
   * their encoding: damage can look like UTF-32, and is then not told as damage.
   *
   * @throws JsonProcessingException if it is not UTF-8
   */
  public static String text(byte[] file) throws JsonProcessingException {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(file)).toString();
      return text.startsWith("\uFEFF") ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      throw new JsonParseException(null, "it is not UTF-8", e);
    }
  }

  /** What is wrong with a document, without the places in it that its author cannot find. */
  public static String reason(JsonProcessingException e) {
    return e.getOriginalMessage()
        .replaceFirst("(?s):? \\(start marker.*|: expected close marker.*", "");
  }

  /**
   * A reader of whole documents, after which nothing may follow.
   *
   * @param limits what a file may ask for
   */
  public static JsonMapper mapper(StreamReadConstraints limits) {
    return JsonMapper.builder(factory(limits))
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .build();
  }
}

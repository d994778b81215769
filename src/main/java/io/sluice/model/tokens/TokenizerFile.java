package io.sluice.model.tokens;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.sluice.files.Quoted;
import io.sluice.files.RegularFile;
import io.sluice.files.StrictJson;
import io.sluice.tokenizer.description.TokenizerException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * The contents of a {@code tokenizer.json}: the description of the tokenizer itself, and the
 * special tokens that its post-processor puts around a text. Truncation and padding that it asks
 * for are left out: texts are cut into contexts here.
 *
 * @param root the whole description
 * @param prefix ids of special tokens that come before a text
 * @param suffix ids of special tokens that come after a text
 */
record TokenizerFile(JsonNode root, int[] prefix, int[] suffix) {
  private static final long MAX_BYTES = 512L << 20;

  private static final JsonMapper JSON =
      StrictJson.mapper(
              StreamReadConstraints.builder()
                  .maxNestingDepth(64)
                  .maxNumberLength(64)
                  .maxStringLength((int) MAX_BYTES)
                  .build())
          .rebuild()
          // Scores are needed to their last digit.
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .build();

  /**
   * Reads and checks a file.
   *
   * @throws IOException if it is missing, not UTF-8, not JSON, or not a tokenizer
   */
  static TokenizerFile read(Path file) throws IOException {
    String text;
    try {
      if (Files.isDirectory(file)) {
        throw new IOException(file + ": is a folder; name the tokenizer.json in it");
      }
      byte[] bytes = RegularFile.bytes(file, MAX_BYTES);
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (NoSuchFileException e) {
      throw new IOException(file + ": no such file; a model needs its tokenizer.json", e);
    } catch (CharacterCodingException e) {
      throw damaged(file, "it is not UTF-8", e);
    }
    try {
      JsonNode root = JSON.readTree(text);
      if (root == null || !root.isObject() || !root.path("model").isObject()) {
        throw damaged(file, "it is not a JSON object with a 'model'", null);
      }
      checkValues(file, root);
      List<Integer> prefix = new ArrayList<>();
      List<Integer> suffix = new ArrayList<>();
      findSpecialTokens(file, root.path("post_processor"), prefix, suffix);
      return new TokenizerFile(root, ids(prefix), ids(suffix));
    } catch (JsonProcessingException e) {
      throw damaged(file, "it is not valid JSON: " + StrictJson.reason(e), e);
    }
  }

  /** The message for a tokenizer that cannot be used, or not for a text, on one line. */
  static IOException unusable(Path file, TokenizerException why) {
    return new IOException(
        file + ": " + why.getMessage() + "; give the model's own tokenizer.json", why);
  }

  /** The message for a file that is no tokenizer, on one line. */
  static IOException damaged(Path file, String why, Throwable cause) {
    return new IOException(
        file
            + ": is not a HuggingFace tokenizer ("
            + Quoted.line(why, 400)
            + "); give the model's own tokenizer.json",
        cause);
  }

  private static void checkValues(Path file, JsonNode node) throws IOException {
    if (node.isTextual()) {
      requirePairedSurrogates(file, node.textValue());
    } else if (node.isNumber() && !Double.isFinite(node.doubleValue())) {
      throw damaged(file, "a number is out of range", null);
    }
    for (Iterator<String> names = node.fieldNames(); names.hasNext(); ) {
      requirePairedSurrogates(file, names.next());
    }
    for (JsonNode child : node) {
      checkValues(file, child);
    }
  }

  private static void requirePairedSurrogates(Path file, String text) throws IOException {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        throw damaged(file, "a string holds half of a surrogate pair", null);
      }
    }
  }

  /** Finds the special tokens that a post-processor puts around a single text. */
  private static void findSpecialTokens(
      Path file, JsonNode processor, List<Integer> prefix, List<Integer> suffix)
      throws IOException {
    String type = processor.path("type").asText("none");
    switch (type) {
      case "none", "ByteLevel" -> {}
      case "Sequence" -> {
        for (JsonNode part : processor.path("processors")) {
          findSpecialTokens(file, part, prefix, suffix);
        }
      }
      case "BertProcessing", "RobertaProcessing" -> {
        prefix.add(id(file, processor.path("cls").path(1)));
        suffix.add(id(file, processor.path("sep").path(1)));
      }
      case "TemplateProcessing" -> {
        List<Integer> side = prefix;
        for (JsonNode piece : processor.path("single")) {
          if (piece.has("Sequence")) {
            side = suffix;
            continue;
          }
          String token = piece.path("SpecialToken").path("id").asText();
          JsonNode ids = processor.path("special_tokens").path(token).path("ids");
          if (!ids.isArray() || ids.isEmpty()) {
            throw damaged(file, "its template has an unknown special token " + token, null);
          }
          for (JsonNode id : ids) {
            side.add(id(file, id));
          }
        }
        if (side == prefix) {
          throw damaged(file, "its template for special tokens does not contain the text", null);
        }
      }
      default -> throw damaged(file, "its post-processor '" + type + "' is unknown", null);
    }
  }

  private static int id(Path file, JsonNode node) throws IOException {
    if (!node.isIntegralNumber() || !node.canConvertToInt() || node.intValue() < 0) {
      throw damaged(file, "a special token has the id '" + node.asText() + "'", null);
    }
    return node.intValue();
  }

  private static int[] ids(List<Integer> ids) {
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }
}

package io.sluice.tokenizer.model;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.files.Quoted;
import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.TokenizerException;
import java.util.HashMap;
import java.util.Map;

/** Tokens and their ids. */
public final class Vocabulary {
  /** What a token may have in characters; those of real models stay below 300. */
  private static final int LONGEST = 10_000;

  private final Map<String, Integer> ids = new HashMap<>();
  private final Map<Integer, String> tokens = new HashMap<>();

  /** Reads {@code {"token": id, …}}. */
  static Vocabulary read(Component model) throws TokenizerException {
    Vocabulary vocabulary = new Vocabulary();
    for (Map.Entry<String, JsonNode> entry : model.child("vocab").node().properties()) {
      JsonNode id = entry.getValue();
      if (!id.isIntegralNumber() || !id.canConvertToInt() || id.intValue() < 0) {
        throw new TokenizerException(
            "its "
                + model.path()
                + ".vocab has the token "
                + Quoted.of(entry.getKey())
                + " with the id "
                + Quoted.of(id.asText())
                + ", ids are whole numbers from 0");
      }
      vocabulary.add(model, entry.getKey(), id.intValue());
    }
    return vocabulary;
  }

  void add(Component model, String token, int id) throws TokenizerException {
    if (token.length() > LONGEST) {
      throw new TokenizerException(
          "its "
              + model.path()
              + ".vocab has a token of "
              + token.length()
              + " characters, tokens have "
              + LONGEST
              + " at most");
    }
    ids.put(token, id);
    tokens.put(id, token);
  }

  /** A token's id, or null. */
  public Integer id(String token) {
    return ids.get(token);
  }

  /** The token of an id, or null. */
  public String token(int id) {
    return tokens.get(id);
  }

  public int size() {
    return ids.size();
  }

  Map<String, Integer> ids() {
    return ids;
  }

  /** The ids of {@code <0x00>} to {@code <0xFF>}; -1 for each that is not there. */
  int[] byteTokens() {
    int[] bytes = new int[256];
    for (int b = 0; b < 256; b++) {
      bytes[b] = ids.getOrDefault("<0x%02X>".formatted(b), -1);
    }
    return bytes;
  }
}

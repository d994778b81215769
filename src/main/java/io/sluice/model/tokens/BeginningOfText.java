package io.sluice.model.tokens;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.model.parts.ConfigFile;
import io.sluice.weights.GgufFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;

/**
 * Finds the token with which a model's texts begin, whether or not its tokenizer puts it there: for
 * GPT-2 it is {@code <|endoftext|>}, and the tokenizer leaves it out.
 */
public final class BeginningOfText {
  private static final String TEXT = "bos_token";
  private static final String ID = "bos_token_id";

  private BeginningOfText() {}

  /**
   * The token that a model's folder names: {@code tokenizer_config.json} beside the tokenizer
   * first, as Python's tokenizers do, then {@code generation_config.json} and {@code config.json}.
   * A number that is no token of the model is passed over: some configurations keep the default of
   * another model.
   *
   * @param vocabulary how many tokens the model has
   * @throws IOException if a file cannot be read
   */
  public static OptionalInt of(ConfigFile config, Tokenizer tokenizer, int vocabulary)
      throws IOException {
    Path named = tokenizer.file().resolveSibling("tokenizer_config.json");
    if (Files.isRegularFile(named)) {
      OptionalInt id = named(ConfigFile.read(named), tokenizer);
      if (id.isPresent() && id.getAsInt() < vocabulary) {
        return id;
      }
    }
    Path generation = config.file().resolveSibling("generation_config.json");
    if (Files.isRegularFile(generation)) {
      OptionalInt id = numbered(ConfigFile.read(generation), vocabulary);
      if (id.isPresent()) {
        return id;
      }
    }
    return numbered(config, vocabulary);
  }

  /**
   * The token that a GGUF file names; none where it names none or one that its model lacks.
   *
   * @throws IOException if it is no number
   */
  public static OptionalInt of(GgufFile file, int vocabulary) throws IOException {
    long id = file.metadata().integer("tokenizer.ggml." + ID, -1);
    return id >= 0 && id < vocabulary ? OptionalInt.of((int) id) : OptionalInt.empty();
  }

  /** Either the token's text, or an object with it. */
  private static OptionalInt named(ConfigFile file, Tokenizer tokenizer) {
    JsonNode token = file.value(TEXT);
    JsonNode text = token.isObject() ? token.path("content") : token;
    return text.isTextual() ? tokenizer.id(text.textValue()) : OptionalInt.empty();
  }

  private static OptionalInt numbered(ConfigFile file, int vocabulary) {
    JsonNode id = file.value(ID);
    boolean isToken = id.isIntegralNumber() && id.canConvertToInt();
    return isToken && id.intValue() >= 0 && id.intValue() < vocabulary
        ? OptionalInt.of(id.intValue())
        : OptionalInt.empty();
  }
}

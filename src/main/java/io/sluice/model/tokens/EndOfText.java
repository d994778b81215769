package io.sluice.model.tokens;

import io.sluice.model.parts.ConfigFile;
import io.sluice.weights.GgufFile;
import io.sluice.weights.GgufMetadata;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/** Finds the tokens with which a model ends a text. */
public final class EndOfText {
  private static final String KEY = "eos_token_id";

  private EndOfText() {}

  /**
   * The tokens that a model's folder names: {@code generation_config.json} first, then {@code
   * config.json}.
   *
   * @throws IOException if either says something that is no token, or the first cannot be read
   */
  public static Set<Integer> of(ConfigFile config) throws IOException {
    Path generation = config.file().resolveSibling("generation_config.json");
    if (Files.isRegularFile(generation)) {
      Set<Integer> ends = ConfigFile.read(generation).integers(KEY);
      if (!ends.isEmpty()) {
        return ends;
      }
    }
    return config.integers(KEY);
  }

  /**
   * The tokens of a GGUF file that end a text, and those that end one speaker's part of a dialogue.
   *
   * @throws IOException if one is no number
   */
  public static Set<Integer> of(GgufFile file) throws IOException {
    GgufMetadata metadata = file.metadata();
    Set<Integer> ends = new TreeSet<>();
    for (String name : new String[] {KEY, "eot_token_id"}) {
      long id = metadata.integer("tokenizer.ggml." + name, -1);
      if (id >= 0 && id <= Integer.MAX_VALUE) {
        ends.add((int) id);
      }
    }
    return ends;
  }
}

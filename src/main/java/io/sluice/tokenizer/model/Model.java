package io.sluice.tokenizer.model;

import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.TokenizerException;

/** Converts the pieces of a text to token ids. */
public interface Model {
  Vocabulary vocabulary();

  /**
   * Adds the ids of a piece that is not empty.
   *
   * @throws TokenizerException if there are none for it
   */
  void tokenize(String piece, Ids to) throws TokenizerException;

  /** Reads a description. */
  static Model read(Component part) throws TokenizerException {
    String type = part.node().path("type").asText();
    if (type.isEmpty()) {
      // Files of before types were written.
      type =
          part.has("merges")
              ? "BPE"
              : part.has("max_input_chars_per_word")
                  ? "WordPiece"
                  : part.node().path("vocab").isArray() ? "Unigram" : "WordLevel";
    }
    return switch (type) {
      case "BPE" -> Bpe.read(part);
      case "WordPiece" -> WordPiece.read(part);
      case "Unigram" -> Unigram.read(part);
      case "WordLevel" -> WordPiece.wordLevel(part);
      default -> throw part.unknownType("BPE, Unigram, WordLevel and WordPiece");
    };
  }
}

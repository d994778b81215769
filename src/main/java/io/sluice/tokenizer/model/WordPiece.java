package io.sluice.tokenizer.model;

import io.sluice.files.Quoted;
import io.sluice.tokenizer.characters.CharTrie;
import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.TokenizerException;
import java.util.Map;

/** BERT's model: at each place of a word the longest token, or else the word is unknown. */
final class WordPiece implements Model {
  private final Vocabulary vocabulary;
  private final String unknown;
  private final CharTrie beginnings = new CharTrie();
  private final CharTrie continuations = new CharTrie();
  private final int longestWord;

  private WordPiece(Vocabulary vocabulary, String unknown, String prefix, int longestWord) {
    this.vocabulary = vocabulary;
    this.unknown = unknown;
    this.longestWord = longestWord;
    for (Map.Entry<String, Integer> token : vocabulary.ids().entrySet()) {
      beginnings.put(token.getKey(), token.getValue());
      if (token.getKey().startsWith(prefix)) {
        continuations.put(token.getKey().substring(prefix.length()), token.getValue());
      }
    }
  }

  static WordPiece read(Component part) throws TokenizerException {
    return new WordPiece(
        Vocabulary.read(part),
        part.text("unk_token"),
        part.text("continuing_subword_prefix"),
        part.number("max_input_chars_per_word", 0));
  }

  /** The model that knows whole words alone. */
  static Model wordLevel(Component part) throws TokenizerException {
    Vocabulary vocabulary = Vocabulary.read(part);
    String unknown = part.text("unk_token");
    return new Model() {
      @Override
      public Vocabulary vocabulary() {
        return vocabulary;
      }

      @Override
      public void tokenize(String piece, Ids to) throws TokenizerException {
        Integer id = vocabulary.id(piece);
        to.add(id != null ? id : unknownId(vocabulary, unknown));
      }
    };
  }

  @Override
  public Vocabulary vocabulary() {
    return vocabulary;
  }

  @Override
  public void tokenize(String piece, Ids to) throws TokenizerException {
    if (piece.length() > longestWord && piece.codePointCount(0, piece.length()) > longestWord) {
      to.add(unknownId(vocabulary, unknown));
      return;
    }
    int[] found = new int[piece.length()];
    int count = 0;
    for (int at = 0; at < piece.length(); ) {
      CharTrie trie = at == 0 ? beginnings : continuations;
      int node = CharTrie.ROOT;
      int end = at;
      int id = CharTrie.NONE;
      for (int i = at; i < piece.length(); i++) {
        node = trie.next(node, piece.charAt(i));
        if (node == CharTrie.NONE) {
          break;
        }
        if (trie.value(node) != CharTrie.NONE) {
          id = trie.value(node);
          end = i + 1;
        }
      }
      if (id == CharTrie.NONE) {
        to.add(unknownId(vocabulary, unknown));
        return;
      }
      found[count++] = id;
      at = end;
    }
    for (int i = 0; i < count; i++) {
      to.add(found[i]);
    }
  }

  private static int unknownId(Vocabulary vocabulary, String unknown) throws TokenizerException {
    Integer id = vocabulary.id(unknown);
    if (id == null) {
      throw new TokenizerException(
          "its vocabulary has neither all words nor the token " + Quoted.of(unknown));
    }
    return id;
  }
}

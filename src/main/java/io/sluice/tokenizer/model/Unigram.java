package io.sluice.tokenizer.model;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.tokenizer.characters.CharTrie;
import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.TokenizerException;
import java.nio.charset.StandardCharsets;

/** SentencePiece's model: of all ways to cut a text into tokens, the one with the best score. */
final class Unigram implements Model {
  private static final double UNKNOWN_PENALTY = 10;

  /** Looking for one costs its length at every place of a text. */
  private static final int LONGEST = 1000;

  private final Vocabulary vocabulary = new Vocabulary();
  private final CharTrie trie = new CharTrie();
  private final double[] scores;
  private final int unknown;
  private final double unknownScore;
  private final int[] bytes;

  private Unigram(Component part) throws TokenizerException {
    JsonNode list = part.list("vocab");
    scores = new double[list.size()];
    double least = Double.POSITIVE_INFINITY;
    for (int id = 0; id < scores.length; id++) {
      JsonNode pair = list.get(id);
      if (pair.size() != 2 || !pair.path(0).isTextual() || !pair.path(1).isNumber()) {
        throw new TokenizerException(
            "its " + part.path() + ".vocab[" + id + "] is not a pair of a token and a score");
      }
      String token = pair.get(0).textValue();
      if (token.length() > LONGEST) {
        throw new TokenizerException(
            "its %s.vocab[%d] has %d characters, tokens have %d at most"
                .formatted(part.path(), id, token.length(), LONGEST));
      }
      scores[id] = Score.of(pair.get(1));
      if (!Double.isFinite(scores[id])) {
        throw new TokenizerException(
            "its %s.vocab[%d] has a score that is out of range".formatted(part.path(), id));
      }
      least = Math.min(least, scores[id]);
      vocabulary.add(part, token, id);
      if (!token.isEmpty()) {
        trie.put(token, id);
      }
    }
    unknown = part.number("unk_id", 0, -1);
    if (unknown >= scores.length) {
      throw new TokenizerException(
          "its %s.unk_id is %d of %d tokens".formatted(part.path(), unknown, scores.length));
    }
    unknownScore = least - UNKNOWN_PENALTY;
    bytes = part.flag("byte_fallback", false) ? vocabulary.byteTokens() : null;
  }

  static Unigram read(Component part) throws TokenizerException {
    return new Unigram(part);
  }

  @Override
  public Vocabulary vocabulary() {
    return vocabulary;
  }

  @Override
  public void tokenize(String piece, Ids to) throws TokenizerException {
    int size = piece.length();
    double[] best = new double[size + 1];
    int[] ids = new int[size + 1];
    // One more than where the best token that ends here starts; 0 if there is none yet.
    int[] starts = new int[size + 1];
    int next;
    for (int at = 0; at < size; at = next) {
      next = at + Character.charCount(piece.codePointAt(at));
      boolean hasSingle = false;
      int node = CharTrie.ROOT;
      for (int i = at; i < size; i++) {
        node = trie.next(node, piece.charAt(i));
        if (node == CharTrie.NONE) {
          break;
        }
        int id = trie.value(node);
        if (id != CharTrie.NONE) {
          double score = scores[id] + best[at];
          if (starts[i + 1] == 0 || score > best[i + 1]) {
            best[i + 1] = score;
            starts[i + 1] = at + 1;
            ids[i + 1] = id;
          }
          hasSingle |= i + 1 == next;
        }
      }
      double score = unknownScore + best[at];
      if (!hasSingle && (starts[next] == 0 || score > best[next])) {
        best[next] = score;
        starts[next] = at + 1;
        ids[next] = unknown();
      }
    }
    // Reverse the path so that it starts at the front: ends[start] is where the token at start
    // ends.
    int[] ends = new int[size];
    int[] along = new int[size];
    for (int end = size; end > 0; end = starts[end] - 1) {
      ends[starts[end] - 1] = end;
      along[starts[end] - 1] = ids[end];
    }
    int end;
    for (int at = 0; at < size; at = end) {
      end = ends[at];
      if (along[at] != unknown) {
        to.add(along[at]);
        continue;
      }
      while (end < size && along[end] == unknown) {
        end = ends[end];
      }
      addUnknown(piece.substring(at, end), to);
    }
  }

  /** Neighbouring unknown characters are one token, by their text if there is one, or bytes. */
  private void addUnknown(String text, Ids to) throws TokenizerException {
    Integer known = vocabulary.id(text);
    if (known != null) {
      to.add(known);
      return;
    }
    if (bytes != null) {
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      boolean all = true;
      for (byte b : utf8) {
        all &= bytes[b & 0xff] >= 0;
      }
      if (all) {
        for (byte b : utf8) {
          to.add(bytes[b & 0xff]);
        }
        return;
      }
    }
    to.add(unknown());
  }

  private int unknown() throws TokenizerException {
    if (unknown < 0) {
      throw new TokenizerException(
          "its vocabulary lacks a character of the text, and it has no unk_id");
    }
    return unknown;
  }
}

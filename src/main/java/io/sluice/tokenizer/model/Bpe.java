package io.sluice.tokenizer.model;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.files.Quoted;
import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.TokenizerException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Byte-pair encoding. A long piece, such as a document that is not split, is cut between two
 * characters that are neighbours in no token, since no merge can cross that place.
 */
public final class Bpe implements Model {
  private static final int LONG_PIECE = 64;
  private static final int CACHED_WORDS = 1 << 16;

  private final Vocabulary vocabulary;
  private final MergeTable merges;
  private final String unknown;
  private final String prefix;
  private final String suffix;
  private final boolean fusesUnknown;
  private final int[] bytes;
  private final boolean ignoresMerges;
  private final Map<String, int[]> cache = new ConcurrentHashMap<>();
  private final int[] asciiIds = new int[128];
  private volatile Set<Long> neighbours;

  private Bpe(Component part, Vocabulary vocabulary) throws TokenizerException {
    this.vocabulary = vocabulary;
    JsonNode dropout = part.node().path("dropout");
    if (dropout.isNumber() && dropout.doubleValue() != 0) {
      throw new TokenizerException(
          "its " + part.path() + ".dropout leaves merges out at random; it must be 0 or null");
    }
    unknown = part.text("unk_token", null);
    prefix = part.text("continuing_subword_prefix", "");
    suffix = part.text("end_of_word_suffix", "");
    fusesUnknown = part.flag("fuse_unk", false);
    ignoresMerges = part.flag("ignore_merges", false);
    bytes = part.flag("byte_fallback", false) ? vocabulary.byteTokens() : null;
    merges = merges(part);
    for (int c = 0; c < asciiIds.length; c++) {
      Integer id = vocabulary.id(String.valueOf((char) c));
      asciiIds[c] = id == null ? -1 : id;
    }
  }

  static Bpe read(Component part) throws TokenizerException {
    return new Bpe(part, Vocabulary.read(part));
  }

  private MergeTable merges(Component part) throws TokenizerException {
    JsonNode list = part.list("merges");
    List<String[]> pairs = new ArrayList<>(list.size());
    for (int i = 0; i < list.size(); i++) {
      JsonNode merge = list.get(i);
      String[] pair;
      if (merge.isTextual()) {
        if (merge.textValue().startsWith("#version")) {
          continue;
        }
        pair = merge.textValue().split(" ", -1);
      } else {
        pair = new String[] {merge.path(0).textValue(), merge.path(1).textValue()};
      }
      if (pair.length != 2
          || merge.isArray() && merge.size() != 2
          || pair[0] == null
          || pair[1] == null) {
        throw new TokenizerException(
            "its %s.merges[%d] is not a pair of tokens".formatted(part.path(), i));
      }
      pairs.add(pair);
    }
    MergeTable table = new MergeTable(pairs.size());
    for (int rank = 0; rank < pairs.size(); rank++) {
      String left = pairs.get(rank)[0];
      String right = pairs.get(rank)[1];
      if (!right.startsWith(prefix)) {
        throw new TokenizerException(
            "its %s.merges[%d] joins %s without the continuing_subword_prefix %s"
                .formatted(part.path(), rank, Quoted.of(right), Quoted.of(prefix)));
      }
      table.put(
          known(part, left),
          known(part, right),
          rank,
          known(part, left + right.substring(prefix.length())));
    }
    return table;
  }

  private int known(Component part, String token) throws TokenizerException {
    Integer id = vocabulary.id(token);
    if (id == null) {
      throw new TokenizerException(
          "its %s.merges use %s, which is not in its vocabulary"
              .formatted(part.path(), Quoted.of(token)));
    }
    return id;
  }

  @Override
  public Vocabulary vocabulary() {
    return vocabulary;
  }

  @Override
  public void tokenize(String piece, Ids to) throws TokenizerException {
    if (ignoresMerges) {
      Integer id = vocabulary.id(piece);
      if (id != null) {
        to.add(id);
        return;
      }
    }
    if (piece.length() <= LONG_PIECE) {
      tokenizeWord(piece, to);
      return;
    }
    int start = 0;
    if (prefix.isEmpty() && suffix.isEmpty()) {
      Set<Long> joined = neighbours();
      int c = piece.codePointAt(0);
      for (int at = Character.charCount(c); at < piece.length(); ) {
        int next = piece.codePointAt(at);
        if (!joined.contains(neighbours(c, next)) && isToken(c) && isToken(next)) {
          tokenizeWord(piece.substring(start, at), to);
          start = at;
        }
        at += Character.charCount(next);
        c = next;
      }
    }
    tokenizeWord(piece.substring(start), to);
  }

  private void tokenizeWord(String word, Ids to) throws TokenizerException {
    int[] known = word.length() <= LONG_PIECE ? cache.get(word) : null;
    if (known == null) {
      known = merge(word);
      if (word.length() <= LONG_PIECE && cache.size() < CACHED_WORDS) {
        cache.put(word, known);
      }
    }
    to.add(known);
  }

  private int[] merge(String word) throws TokenizerException {
    Merging merging = new Merging(merges);
    // An unknown character waits for more of them. As in the tokenizers package, it does so even
    // while bytes go by.
    int pending = -1;
    int next;
    for (int at = 0; at < word.length(); at = next) {
      int c = word.codePointAt(at);
      next = at + Character.charCount(c);
      int id = symbol(word, at, next);
      if (id >= 0) {
        if (pending >= 0) {
          merging.add(pending);
          pending = -1;
        }
        merging.add(id);
        continue;
      }
      if (addBytes(decorated(word, at, next), merging) || unknown == null) {
        continue;
      }
      if (pending >= 0 && !fusesUnknown) {
        merging.add(pending);
      }
      Integer unknownId = vocabulary.id(unknown);
      if (unknownId == null) {
        throw new TokenizerException(
            "its vocabulary lacks a character of the text and its unk_token " + Quoted.of(unknown));
      }
      pending = unknownId;
    }
    if (pending >= 0) {
      merging.add(pending);
    }
    return merging.merge();
  }

  /** The token of one character, or -1. */
  private int symbol(String word, int at, int next) {
    char c = word.charAt(at);
    if (c < 128 && prefix.isEmpty() && suffix.isEmpty()) {
      return asciiIds[c];
    }
    Integer id = vocabulary.id(decorated(word, at, next));
    return id == null ? -1 : id;
  }

  private String decorated(String word, int at, int next) {
    String one = word.substring(at, next);
    one = at > 0 ? prefix + one : one;
    return next == word.length() ? one + suffix : one;
  }

  private boolean addBytes(String text, Merging merging) {
    if (bytes == null) {
      return false;
    }
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    for (byte b : utf8) {
      if (bytes[b & 0xff] < 0) {
        return false;
      }
    }
    for (byte b : utf8) {
      merging.add(bytes[b & 0xff]);
    }
    return true;
  }

  private boolean isToken(int c) {
    return c < 128 ? asciiIds[c] >= 0 : vocabulary.id(Character.toString(c)) != null;
  }

  /** Whether no token has one of some characters before another one, so that none is merged so. */
  public boolean neverJoins(String lefts, String right) {
    return !ignoresMerges
        && prefix.isEmpty()
        && suffix.isEmpty()
        && isToken(right.codePointAt(0))
        && lefts.chars().noneMatch(c -> neighbours().contains(neighbours(c, right.codePointAt(0))));
  }

  private Set<Long> neighbours() {
    Set<Long> all = neighbours;
    if (all == null) {
      all = new HashSet<>();
      for (String token : vocabulary.ids().keySet()) {
        int c = token.isEmpty() ? 0 : token.codePointAt(0);
        for (int at = Character.charCount(c); at < token.length(); ) {
          int next = token.codePointAt(at);
          all.add(neighbours(c, next));
          at += Character.charCount(next);
          c = next;
        }
      }
      neighbours = all;
    }
    return all;
  }

  private static long neighbours(int left, int right) {
    return (long) left << 32 | right;
  }
}

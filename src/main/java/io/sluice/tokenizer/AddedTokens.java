package io.sluice.tokenizer;

import io.sluice.files.Quoted;
import io.sluice.tokenizer.characters.CharTrie;
import io.sluice.tokenizer.characters.Characters;
import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.TokenizerException;
import io.sluice.tokenizer.model.Model;
import io.sluice.tokenizer.steps.Normalizer;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Finds added tokens in a text before any other step or, for normalised ones, in the normalised
 * text before it is split: the leftmost first, and of those the longest.
 */
final class AddedTokens {
  /** Looking for one costs its length at every place of a text. Those of real models have 60. */
  private static final int LONGEST = 1000;

  private record Token(
      int id, String content, boolean singleWord, boolean left, boolean right, boolean special) {}

  /** Takes the parts of a text, in order; the id is -1 for what is no added token. */
  interface Sink {
    void part(int start, int end, int id) throws TokenizerException;
  }

  private final Map<String, Integer> ids = new HashMap<>();
  private final Map<Integer, Token> tokens = new LinkedHashMap<>();
  private final Map<Integer, String> normalized = new HashMap<>();
  private final Set<String> special = new HashSet<>();
  private CharTrie inText;
  private CharTrie inNormalized;

  /** Reads the list; ids are those of the model's vocabulary, and go on after it. */
  static AddedTokens read(Component root, Model model, Normalizer normalizer)
      throws TokenizerException {
    AddedTokens added = new AddedTokens();
    if (!root.has("added_tokens")) {
      return added;
    }
    Map<Integer, Component> normalizes = new LinkedHashMap<>();
    int next = model.vocabulary().size();
    for (Component part : root.children("added_tokens")) {
      String content = part.text("content");
      if (content.isEmpty()) {
        continue;
      }
      requireLength(part, content);
      Integer known = added.ids.getOrDefault(content, model.vocabulary().id(content));
      int id = known != null ? known : next++;
      added.ids.put(content, id);
      boolean isSpecial = part.flag("special");
      added.tokens.put(
          id,
          new Token(
              id,
              content,
              part.flag("single_word"),
              part.flag("lstrip"),
              part.flag("rstrip"),
              isSpecial));
      if (isSpecial) {
        added.special.add(content);
      }
      if (part.flag("normalized")) {
        normalizes.put(id, part);
      } else {
        normalizes.remove(id);
      }
    }
    Map<String, Token> seen = new HashMap<>();
    for (Token token : added.tokens.values()) {
      Component part = normalizes.get(token.id);
      if (part == null) {
        added.inText = added.inText == null ? new CharTrie() : added.inText;
        added.inText.put(token.content, token.id);
        continue;
      }
      String content = token.content;
      if (normalizer != null) {
        content = normalizer.normalize(new Normalizer.Text(content, true, false), LONGEST).chars();
        if (content.isEmpty()) {
          throw new TokenizerException(
              "its normalizer leaves nothing of the added token " + Quoted.of(token.content));
        }
        requireLength(part, content);
        added.normalized.put(token.id, content);
      }
      Token same = seen.put(content, token);
      if (same != null) {
        throw new TokenizerException(
            "its added tokens "
                + Quoted.of(same.content)
                + " and "
                + Quoted.of(token.content)
                + " are the same once they are normalized, so that either may be found");
      }
      added.inNormalized = added.inNormalized == null ? new CharTrie() : added.inNormalized;
      added.inNormalized.put(content, token.id);
    }
    return added;
  }

  /** The id of an added token, or null. */
  Integer id(String content) {
    return ids.get(content);
  }

  private static void requireLength(Component part, String content) throws TokenizerException {
    if (content.length() > LONGEST) {
      throw new TokenizerException(
          "its "
              + part.path()
              + " has "
              + content.length()
              + " characters, added tokens have "
              + LONGEST
              + " at most");
    }
  }

  /** Cuts a text as it was given. */
  void cutText(String text, Sink sink) throws TokenizerException {
    cut(text, inText, sink);
  }

  /** Cuts a normalised text. */
  void cutNormalized(String text, Sink sink) throws TokenizerException {
    cut(text, inNormalized, sink);
  }

  private void cut(String text, CharTrie trie, Sink sink) throws TokenizerException {
    int from = 0;
    int matchEnd;
    for (int at = 0; trie != null && at < text.length(); at = matchEnd) {
      matchEnd = at + 1;
      int id = CharTrie.NONE;
      int node = CharTrie.ROOT;
      for (int i = at; i < text.length(); i++) {
        node = trie.next(node, text.charAt(i));
        if (node == CharTrie.NONE) {
          break;
        }
        if (trie.value(node) != CharTrie.NONE) {
          id = trie.value(node);
          matchEnd = i + 1;
        }
      }
      if (id == CharTrie.NONE) {
        continue;
      }
      Token token = tokens.get(id);
      if (token.singleWord && isInWord(text, at, matchEnd)) {
        continue;
      }
      int start = at;
      int end = matchEnd;
      // White space has no supplementary characters.
      while (token.left && start > 0 && Characters.isWhiteSpace(text.charAt(start - 1))) {
        start--;
      }
      // Spaces that the token before has taken stay with it.
      start = token.left ? Math.max(start, from) : start;
      while (token.right && end < text.length() && Characters.isWhiteSpace(text.charAt(end))) {
        end++;
      }
      if (from < start) {
        sink.part(from, start, CharTrie.NONE);
      }
      // Nothing is left of a token of spaces that the one before has taken.
      if (start < end) {
        sink.part(start, end, id);
      }
      from = end;
    }
    if (from < text.length()) {
      sink.part(from, text.length(), CharTrie.NONE);
    }
  }

  private static boolean isInWord(String text, int start, int end) {
    return start > 0 && Characters.isWord(text.codePointBefore(start))
        || end < text.length() && Characters.isWord(text.codePointAt(end));
  }

  /** The text of a token as decoders take it, or null if it is none of these. */
  String token(int id) {
    Token token = tokens.get(id);
    return token == null ? null : normalized.getOrDefault(id, token.content);
  }

  boolean isSpecial(String token) {
    return special.contains(token);
  }
}

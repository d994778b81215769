package io.sluice.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.tokenizer.model.Bpe;
import io.sluice.tokenizer.model.Model;
import java.util.List;
import java.util.Set;

/**
 * Whether a text can be cut between a Latin letter and a single space that another letter follows,
 * so that the ids of the parts are those of the whole. It can if no step of the tokenizer depends
 * on text across the cut: the normaliser changes each side separately, and the text is split there
 * or no token of the model has a letter before a space. Steps that are not known to be safe are
 * taken as unsafe.
 */
final class WordCuts {
  private static final String LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

  private static final Set<String> LOCAL_NORMALIZERS =
      Set.of(
          "BertNormalizer",
          "Lowercase",
          "NFC",
          "NFD",
          "NFKC",
          "NFKD",
          "Nmt",
          "Prepend",
          "StripAccents");

  /** They split every text between a letter and a space. */
  private static final Set<String> WORD_SPLITTERS =
      Set.of("BertPreTokenizer", "Whitespace", "WhitespaceSplit");

  /** They only split more. */
  private static final Set<String> OTHER_SPLITTERS = Set.of("Digits", "Punctuation");

  private static final String LETTERS_OR_WITH_MARK = "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
  private static final String SPACES = "[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  private static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
  private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";

  /** The expressions of Llama 3, Qwen 2, Mistral's Tekken and GPT-4o. */
  private static final Set<String> WORD_PATTERNS =
      Set.of(
          CONTRACTIONS + "|" + LETTERS_OR_WITH_MARK + "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+" + SPACES,
          CONTRACTIONS + "|" + LETTERS_OR_WITH_MARK + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+" + SPACES,
          mixedCase("", "\\p{N}"),
          mixedCase(CONTRACTIONS + "?", "\\p{N}{1,3}"));

  private static String mixedCase(String end, String number) {
    String mark = "[^\\r\\n\\p{L}\\p{N}]?";
    return mark
        + UPPER
        + "*"
        + LOWER
        + "+"
        + end
        + "|"
        + mark
        + UPPER
        + "+"
        + LOWER
        + "*"
        + end
        + "|"
        + number
        + "| ?[^\\s\\p{L}\\p{N}]+"
        + SPACES.replaceFirst("n]", "n/]");
  }

  private final JsonNode root;
  private final Model model;

  private WordCuts(JsonNode root, Model model) {
    this.root = root;
    this.model = model;
  }

  static boolean areHarmless(JsonNode root, Model model) {
    return new WordCuts(root, model).areHarmless();
  }

  /** The last such place in a text, at least one character from either end; -1 if there is none. */
  static int last(CharSequence text) {
    for (int i = text.length() - 2; i > 0; i--) {
      if (text.charAt(i) == ' ' && isLetter(text.charAt(i - 1)) && isLetter(text.charAt(i + 1))) {
        return i;
      }
    }
    return -1;
  }

  private static boolean isLetter(char c) {
    return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z';
  }

  private boolean areHarmless() {
    List<JsonNode> normalizers = parts(root.path("normalizer"), "normalizers");
    boolean showsSpaces = false;
    for (JsonNode one : normalizers) {
      if (one.path("type").asText().equals("Replace")) {
        String pattern = one.path("pattern").path("String").asText();
        String content = one.path("content").asText();
        boolean space = pattern.equals(" ") && content.equals("▁");
        boolean mark = pattern.length() == 1 && "▁`\"'\n\t".contains(pattern) && !content.isEmpty();
        if (!space && !mark) {
          return false;
        }
        showsSpaces |= space;
      } else if (!LOCAL_NORMALIZERS.contains(one.path("type").asText())) {
        return false;
      }
    }
    return addedTokensStay()
        && splits(parts(root.path("pre_tokenizer"), "pretokenizers"), showsSpaces);
  }

  private boolean splits(List<JsonNode> splitters, boolean showsSpaces) {
    boolean words = false;
    String space = showsSpaces ? "▁" : " ";
    for (JsonNode one : splitters) {
      String type = one.path("type").asText();
      if (type.equals("Metaspace")) {
        space = one.path("replacement").asText();
        words |= one.path("split").asBoolean(true);
      } else if (type.equals("ByteLevel")) {
        words |= !showsSpaces && one.path("use_regex").asBoolean(true);
        space = "Ġ";
      } else if (type.equals("Split")) {
        boolean whole = one.path("behavior").asText().equals("Isolated");
        boolean between =
            one.path("behavior").asText().equals("Removed") && one.path("invert").asBoolean();
        boolean known = WORD_PATTERNS.contains(one.path("pattern").path("Regex").asText());
        // Gemma's splitter, which finds no spaces since the normaliser has replaced them.
        boolean idle = showsSpaces && one.path("pattern").path("String").asText().equals(" ");
        if (!idle && !(known && (whole || between) && !showsSpaces)) {
          return false;
        }
        words |= !idle;
      } else if (WORD_SPLITTERS.contains(type)) {
        if (showsSpaces) {
          return false;
        }
        words = true;
      } else if (!OTHER_SPLITTERS.contains(type)) {
        return false;
      }
    }
    return words || model instanceof Bpe bpe && bpe.neverJoins(LETTERS, space);
  }

  private boolean addedTokensStay() {
    for (JsonNode token : root.path("added_tokens")) {
      String content = token.path("content").asText();
      boolean takesSpaces = token.path("rstrip").asBoolean() && content.matches("(?s).*[a-zA-Z]");
      if (takesSpaces || content.matches("(?s).*[a-zA-Z][ ▁].*")) {
        return false;
      }
    }
    return true;
  }

  private static List<JsonNode> parts(JsonNode node, String name) {
    if (!node.path("type").asText().equals("Sequence")) {
      return node.isObject() ? List.of(node) : List.of();
    }
    return node.path(name).valueStream().flatMap(one -> parts(one, name).stream()).toList();
  }
}

package io.sluice.tokenizer.steps;

import io.sluice.tokenizer.characters.ByteLevel;
import io.sluice.tokenizer.characters.CharacterKind;
import io.sluice.tokenizer.characters.Characters;
import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.Occurrences;
import io.sluice.tokenizer.description.TokenizerException;
import java.util.ArrayList;
import java.util.List;

/** Changes a text before it is split. */
public interface Normalizer {
  /**
   * A text.
   *
   * @param fromStart whether its first character comes from the first character of what was given:
   *     {@code Metaspace} asks for that
   * @param continues whether another part of the text came before it
   */
  record Text(String chars, boolean fromStart, boolean continues) {
    Text with(String other) {
      return new Text(other, fromStart, continues);
    }

    Text with(String other, boolean isFromStart) {
      return new Text(other, isFromStart, continues);
    }
  }

  /**
   * The normalised text.
   *
   * @param limit characters that it may have at most
   * @throws TokenizerException if it would have more, or cannot be computed
   */
  Text normalize(Text text, long limit) throws TokenizerException;

  /** Reads a description. */
  static Normalizer read(Component part, int depth) throws TokenizerException {
    return switch (part.node().path("type").asText()) {
      case "BertNormalizer" -> BertNormalizer.read(part);
      case "Strip" -> strip(part.flag("strip_left"), part.flag("strip_right"));
      case "StripAccents" ->
          (text, limit) -> filter(text, c -> !CharacterKind.COMBINING_MARK.has(c));
      case "NFC" -> (text, limit) -> text.with(UnicodeForm.NFC.of(text.chars()));
      case "NFD" -> (text, limit) -> text.with(UnicodeForm.NFD.of(text.chars()));
      case "NFKC" -> (text, limit) -> text.with(UnicodeForm.NFKC.of(text.chars()));
      case "NFKD" -> (text, limit) -> text.with(UnicodeForm.NFKD.of(text.chars()));
      case "Lowercase" -> (text, limit) -> text.with(Characters.lowercase(text.chars()));
      case "Nmt" -> (text, limit) -> filter(nmtSpaces(text), c -> !isNmtControl(c));
      case "Precompiled" -> Precompiled.read(part);
      case "Replace" -> replace(part);
      case "Prepend" -> prepend(part.text("prepend"));
      case "ByteLevel" -> (text, limit) -> text.with(ByteLevel.encode(text.chars()));
      case "Sequence" -> sequence(part, depth);
      default ->
          throw part.unknownType(
              "BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled,"
                  + " Prepend, Replace, Sequence, Strip and StripAccents");
    };
  }

  private static Normalizer sequence(Component part, int depth) throws TokenizerException {
    List<Normalizer> steps = new ArrayList<>();
    if (depth > 4) {
      throw new TokenizerException("its " + part.path() + " is nested too deep");
    }
    for (Component child : part.children("normalizers")) {
      steps.add(read(child, depth + 1));
    }
    return (text, limit) -> {
      Text now = text;
      for (Normalizer step : steps) {
        now = step.normalize(now, limit);
        if (now.chars().length() > limit) {
          throw tooLong(part.path(), limit);
        }
      }
      return now;
    };
  }

  private static Normalizer strip(boolean left, boolean right) {
    return (text, limit) -> {
      String chars = text.chars();
      int start = 0;
      int end = chars.length();
      // White space has no supplementary characters.
      while (left && start < end && Characters.isWhiteSpace(chars.charAt(start))) {
        start++;
      }
      while (right && end > start && Characters.isWhiteSpace(chars.charAt(end - 1))) {
        end--;
      }
      return text.with(chars.substring(start, end), text.fromStart() && start == 0);
    };
  }

  private static Normalizer prepend(String prefix) {
    return (text, limit) ->
        text.chars().isEmpty() || text.continues() ? text : text.with(prefix.concat(text.chars()));
  }

  private static Normalizer replace(Component part) throws TokenizerException {
    Occurrences pattern = part.pattern();
    String content = part.text("content");
    return (text, limit) -> {
      String chars = text.chars();
      StringBuilder out = new StringBuilder(chars.length());
      int[] done = {0};
      boolean[] fromStart = {text.fromStart()};
      pattern.find(
          chars,
          (start, end) -> {
            if (start == end) {
              throw new TokenizerException(
                  "its " + part.path() + ".pattern matches nothing between two characters");
            }
            // A replacement has the position of the last character that it replaces.
            if (start == 0 && (content.isEmpty() || chars.codePointCount(0, end) > 1)) {
              fromStart[0] = false;
            }
            out.append(chars, done[0], start).append(content);
            done[0] = end;
            if (out.length() > limit) {
              throw tooLong(part.path(), limit);
            }
          });
      if (done[0] == 0) {
        return text;
      }
      return text.with(out.append(chars, done[0], chars.length()).toString(), fromStart[0]);
    };
  }

  /** The text without characters. */
  private static Text filter(Text text, java.util.function.IntPredicate keep) {
    String chars = text.chars();
    int at = 0;
    while (at < chars.length() && keep.test(chars.codePointAt(at))) {
      at += Character.charCount(chars.codePointAt(at));
    }
    if (at == chars.length()) {
      return text;
    }
    StringBuilder out = new StringBuilder(chars.length()).append(chars, 0, at);
    boolean fromStart = text.fromStart() && at > 0;
    while (at < chars.length()) {
      int c = chars.codePointAt(at);
      if (keep.test(c)) {
        out.appendCodePoint(c);
      }
      at += Character.charCount(c);
    }
    return text.with(out.toString(), fromStart);
  }

  private static boolean isNmtControl(int c) {
    return c >= 1 && c <= 8
        || c == 0x0b
        || c >= 0x0e && c <= 0x1f
        || c == 0x7f
        || c == 0x8f
        || c == 0x9f;
  }

  private static Text nmtSpaces(Text text) {
    StringBuilder out = new StringBuilder(text.chars());
    for (int i = 0; i < out.length(); i++) {
      char c = out.charAt(i);
      if (c == 9
          || c == 10
          || c == 12
          || c == 13
          || c == 0x1680
          || c >= 0x200b && c <= 0x200f
          || c == 0x2028
          || c == 0x2029
          || c == 0x2581
          || c == 0xfeff
          || c == 0xfffd) {
        out.setCharAt(i, ' ');
      }
    }
    return text.with(out.toString());
  }

  static TokenizerException tooLong(String path, long limit) {
    return new TokenizerException(
        "its " + path + " makes more than " + limit + " characters of a text");
  }
}

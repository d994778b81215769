package io.sluice.tokenizer.steps;

import io.sluice.tokenizer.characters.CharacterKind;
import io.sluice.tokenizer.characters.Characters;
import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.TokenizerException;

/**
 * Cleans, separates Chinese characters, strips accents and lower-cases, each if the description
 * enables it.
 */
final class BertNormalizer implements Normalizer {
  private final boolean cleans;
  private final boolean separatesChinese;
  private final boolean stripsAccents;
  private final boolean lowercases;

  private BertNormalizer(
      boolean cleans, boolean separatesChinese, boolean stripsAccents, boolean lowercases) {
    this.cleans = cleans;
    this.separatesChinese = separatesChinese;
    this.stripsAccents = stripsAccents;
    this.lowercases = lowercases;
  }

  static BertNormalizer read(Component part) throws TokenizerException {
    boolean lowercases = part.flag("lowercase");
    return new BertNormalizer(
        part.flag("clean_text"),
        part.flag("handle_chinese_chars"),
        part.flag("strip_accents", lowercases),
        lowercases);
  }

  @Override
  public Text normalize(Text text, long limit) {
    String chars = text.chars();
    boolean fromStart = text.fromStart();
    StringBuilder out = new StringBuilder(chars.length() + 16);
    for (int i = 0; i < chars.length(); ) {
      int c = chars.codePointAt(i);
      i += Character.charCount(c);
      if (cleans) {
        if (isRemoved(c)) {
          fromStart &= out.length() > 0;
          continue;
        }
        c = Characters.isWhiteSpace(c) ? ' ' : c;
      }
      if (separatesChinese && isChinese(c)) {
        out.append(' ').appendCodePoint(c).append(' ');
      } else if (c < 0x80) {
        out.append((char) (lowercases && c >= 'A' && c <= 'Z' ? c + 32 : c));
      } else {
        out.appendCodePoint(c);
      }
    }
    String done = out.toString();
    if (stripsAccents) {
      done = withoutMarks(UnicodeForm.NFD.of(done));
    }
    return text.with(lowercases ? Characters.lowercase(done) : done, fromStart);
  }

  private static String withoutMarks(String text) {
    StringBuilder out = null;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      int next = i + Character.charCount(c);
      boolean mark = c >= 0x300 && CharacterKind.NONSPACING_MARK.has(c);
      if (mark && out == null) {
        out = new StringBuilder(text.length()).append(text, 0, i);
      } else if (!mark && out != null) {
        out.appendCodePoint(c);
      }
      i = next;
    }
    return out == null ? text : out.toString();
  }

  private static boolean isRemoved(int c) {
    if (c >= ' ' && c < 0x7f || c == '\t' || c == '\n' || c == '\r') {
      return false;
    }
    return c == 0 || c == 0xfffd || CharacterKind.OTHER.has(c);
  }

  private static boolean isChinese(int c) {
    return c >= 0x3400
        && (c >= 0x4E00 && c <= 0x9FFF
            || c <= 0x4DBF
            || c >= 0x20000 && c <= 0x2A6DF
            || c >= 0x2A700 && c <= 0x2B73F
            || c >= 0x2B740 && c <= 0x2B81F
            || c >= 0x2B920 && c <= 0x2CEAF
            || c >= 0xF900 && c <= 0xFAFF
            || c >= 0x2F800 && c <= 0x2FA1F);
  }
}

package io.sluice.tokenizer.steps;

import io.sluice.tokenizer.characters.CharacterKind;
import java.text.Normalizer;
import java.util.BitSet;

/**
 * Unicode's normal forms. Characters that are younger than the tables of the {@code tokenizers}
 * package stay as they are and let nothing compose or reorder across them, as there.
 */
enum UnicodeForm {
  NFC(Normalizer.Form.NFC),
  NFD(Normalizer.Form.NFD),
  NFKC(Normalizer.Form.NFKC),
  NFKD(Normalizer.Form.NFKD);

  /** No character below this one is younger. */
  private static final char FIRST = 0x378;

  /** Which characters are younger, known from the first such text on. */
  private static final class Younger {
    static final BitSet CHARACTERS = new BitSet();

    static {
      for (int c = FIRST; c <= Character.MAX_CODE_POINT; c++) {
        int type = Character.getType(c);
        if (type == Character.UNASSIGNED
            || type == Character.SURROGATE
            || type == Character.PRIVATE_USE) {
          continue;
        }
        boolean mark =
            type == Character.NON_SPACING_MARK
                || type == Character.COMBINING_SPACING_MARK
                || type == Character.ENCLOSING_MARK;
        boolean known =
            mark
                ? CharacterKind.COMBINING_MARK.has(c)
                : CharacterKind.DECOMPOSED.has(c)
                    || Normalizer.isNormalized(Character.toString(c), Normalizer.Form.NFKD);
        if (!known) {
          CHARACTERS.set(c);
        }
      }
    }
  }

  private final Normalizer.Form form;

  UnicodeForm(Normalizer.Form form) {
    this.form = form;
  }

  String of(String text) {
    int at = nextYounger(text, 0);
    if (at == text.length()) {
      return ofKnown(text);
    }
    StringBuilder out = new StringBuilder(text.length() + 16);
    int done = 0;
    for (; at < text.length(); at = nextYounger(text, done)) {
      int c = text.codePointAt(at);
      out.append(ofKnown(text.substring(done, at))).appendCodePoint(c);
      done = at + Character.charCount(c);
    }
    return out.append(ofKnown(text.substring(done))).toString();
  }

  private static int nextYounger(String text, int from) {
    for (int i = from; i < text.length(); ) {
      int c = text.codePointAt(i);
      if (c >= FIRST && Younger.CHARACTERS.get(c)) {
        return i;
      }
      i += Character.charCount(c);
    }
    return text.length();
  }

  private String ofKnown(String text) {
    return Normalizer.isNormalized(text, form) ? text : Normalizer.normalize(text, form);
  }
}

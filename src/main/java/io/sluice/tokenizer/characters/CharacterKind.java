package io.sluice.tokenizer.characters;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;

/**
 * Kinds of characters as the {@code tokenizers} package knows them. Its tables are of several
 * versions of Unicode, none of them the JDK's, so they are read from {@code characters.txt}, which
 * {@code src/test/python/tokenizer_characters.py} makes of what the package does with each
 * character.
 */
public enum CharacterKind {
  /** Where BertPreTokenizer and Punctuation split. */
  PUNCTUATION,
  /** Where Digits splits. */
  NUMERIC,
  /** Controls, formats and private use, which BertNormalizer removes. */
  OTHER,
  /** What BertNormalizer takes for accents. */
  NONSPACING_MARK,
  /** What StripAccents takes for accents. */
  COMBINING_MARK,
  /** Regular expressions' {@code \w}. */
  WORD,
  /** What compatibility decomposition changes. */
  DECOMPOSED;

  private final BitSet points = new BitSet();

  static {
    try (InputStream in = CharacterKind.class.getResourceAsStream("characters.txt");
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] words = line.split(" ");
        BitSet points = valueOf(words[0]).points;
        for (int i = 1; i < words.length; i++) {
          String[] ends = words[i].split("-");
          points.set(
              Integer.parseInt(ends[0], 16), Integer.parseInt(ends[ends.length - 1], 16) + 1);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public boolean has(int c) {
    return points.get(c);
  }
}

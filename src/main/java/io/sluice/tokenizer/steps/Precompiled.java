package io.sluice.tokenizer.steps;

import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.TokenizerException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * SentencePiece's table of replacements: a double array over UTF-8 bytes, whose values are offsets
 * into texts that end with a zero byte. A grapheme of less than six bytes is looked up as a whole
 * first, then every character. Every step through the table is checked.
 */
final class Precompiled implements Normalizer {
  private static final Pattern GRAPHEME = Pattern.compile("\\X");

  /** No grapheme of two characters consists of characters below this one, but for CR LF. */
  private static final char FIRST_COMBINING = 0x300;

  private static final int WHOLE_BYTES = 6;

  private final String path;
  private final int[] units;
  private final byte[] texts;

  private Precompiled(String path, int[] units, byte[] texts) {
    this.path = path;
    this.units = units;
    this.texts = texts;
  }

  static Precompiled read(Component part) throws TokenizerException {
    String path = part.path() + ".precompiled_charsmap";
    byte[] bytes;
    try {
      bytes = Base64.getDecoder().decode(part.text("precompiled_charsmap"));
    } catch (IllegalArgumentException e) {
      throw new TokenizerException("its " + path + " is not base64");
    }
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    long size = in.remaining() < 4 ? 0 : Integer.toUnsignedLong(in.getInt()) / 4;
    if (size == 0 || size * 4 > in.remaining()) {
      throw new TokenizerException("its " + path + " is empty or cut off");
    }
    int[] units = new int[(int) size];
    in.asIntBuffer().get(units);
    in.position(in.position() + units.length * 4);
    byte[] texts = new byte[in.remaining()];
    in.get(texts);
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(texts));
    } catch (CharacterCodingException e) {
      throw new TokenizerException("its " + path + " holds texts that are not UTF-8");
    }
    return new Precompiled(path, units, texts);
  }

  @Override
  public Text normalize(Text text, long limit) throws TokenizerException {
    String chars = text.chars();
    StringBuilder out = new StringBuilder(chars.length() + 16);
    Matcher grapheme = null;
    for (int at = 0; at < chars.length(); ) {
      int end = at + 1;
      char c = chars.charAt(at);
      if (Character.isHighSurrogate(c)
          || c == '\r'
          || end < chars.length() && chars.charAt(end) >= FIRST_COMBINING
          || c >= FIRST_COMBINING) {
        if (grapheme == null) {
          grapheme = GRAPHEME.matcher(chars);
        }
        grapheme.region(at, chars.length());
        end = grapheme.lookingAt() ? grapheme.end() : end;
      }
      replaceGrapheme(chars.substring(at, end), out);
      if (out.length() > limit) {
        throw Normalizer.tooLong(path, limit);
      }
      at = end;
    }
    return text.with(out.toString());
  }

  private void replaceGrapheme(String grapheme, StringBuilder out) throws TokenizerException {
    byte[] bytes = grapheme.getBytes(StandardCharsets.UTF_8);
    if (bytes.length < WHOLE_BYTES && replace(bytes, out)) {
      return;
    }
    int end;
    for (int at = 0; at < grapheme.length(); at = end) {
      end = grapheme.offsetByCodePoints(at, 1);
      String one = grapheme.substring(at, end);
      if (!replace(one.getBytes(StandardCharsets.UTF_8), out)) {
        out.append(one);
      }
    }
  }

  /** Appends what the shortest entry that begins the bytes stands for; false if there is none. */
  private boolean replace(byte[] key, StringBuilder out) throws TokenizerException {
    int node = offset(units[0]);
    for (byte b : key) {
      if (b == 0) {
        return false;
      }
      node ^= b & 0xff;
      int unit = unit(node);
      if ((unit & (1 << 31 | 0xff)) != (b & 0xff)) {
        return false;
      }
      node ^= offset(unit);
      if ((unit >>> 8 & 1) == 1) {
        append(unit(node) & Integer.MAX_VALUE, out);
        return true;
      }
    }
    return false;
  }

  private void append(int start, StringBuilder out) throws TokenizerException {
    if (start > texts.length || start < texts.length && (texts[start] & 0xc0) == 0x80) {
      throw damaged();
    }
    int end = start;
    while (end < texts.length && texts[end] != 0) {
      end++;
    }
    out.append(new String(texts, start, end - start, StandardCharsets.UTF_8));
  }

  private int unit(int node) throws TokenizerException {
    if (node < 0 || node >= units.length) {
      throw damaged();
    }
    return units[node];
  }

  private static int offset(int unit) {
    return unit >>> 10 << ((unit & 1 << 9) >>> 6);
  }

  private TokenizerException damaged() {
    return new TokenizerException("its " + path + " is damaged: an entry leads out of the table");
  }
}

package io.sluice.text;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.Charset;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The type of a file's content, detected from its first bytes and never from its name. Everything
 * that is not text or a supported packing of text is refused by its type, since its bytes would
 * silently become tokens.
 */
enum Content {
  UTF_8(StandardCharsets.UTF_8),
  UTF_16LE(StandardCharsets.UTF_16LE),
  UTF_16BE(StandardCharsets.UTF_16BE),
  UTF_32LE(StandardCharsets.UTF_32LE),
  UTF_32BE(StandardCharsets.UTF_32BE),
  GZIP("gzip"),
  ZSTANDARD("Zstandard"),
  PARQUET("Parquet"),
  ARROW("Arrow");

  /** The number of bytes examined. */
  static final int HEAD = 1 << 16;

  private static final int SIGNATURES = 512;

  /**
   * The number of control or invalid characters that any text may have, and the share allowed
   * beyond it.
   */
  private static final int ODD = 8;

  private static final int ONE_IN = 10;

  private final Charset charset;
  private final String label;

  Content(Charset charset) {
    this.charset = charset;
    this.label = charset.name();
  }

  Content(String label) {
    this.charset = null;
    this.label = label;
  }

  /** The encoding of a text; null for packed content. */
  Charset charset() {
    return charset;
  }

  /** The name for messages. */
  String label() {
    return label;
  }

  /**
   * Detects the content from the first bytes of a file.
   *
   * @param where the file, for the message
   * @param head its first {@link #HEAD} bytes, or all if there are fewer
   * @throws IOException if it is not text, in one line that names the type
   */
  static Content of(String where, byte[] head) throws IOException {
    if (begins(head, 0x1f, 0x8b)) {
      return GZIP;
    }
    if (begins(head, 0x28, 0xb5, 0x2f, 0xfd)
        || head.length >= 4 && (head[0] & 0xf0) == 0x50 && begins(rest(head), 0x2a, 0x4d, 0x18)) {
      return ZSTANDARD;
    }
    if (begins(head, 'P', 'A', 'R', '1')) {
      return PARQUET;
    }
    if (isArrow(head)) {
      return ARROW;
    }
    refuseOthers(where, head);
    Content encoding = encoding(head);
    Sample sample = Sample.of(head, encoding.charset);
    if (sample.odd > ODD + sample.characters / ONE_IN) {
      throw new IOException(
          where
              + ": is not text: of its first "
              + sample.characters
              + " characters "
              + sample.odd
              + " are not "
              + encoding.label
              + " or are control characters; if it is a text in another encoding, convert it to"
              + " UTF-8");
    }
    return encoding;
  }

  /** Whether it is an Arrow file, or a stream of Arrow's messages. */
  static boolean isArrow(byte[] head) {
    return begins(head, 'A', 'R', 'R', 'O', 'W', '1', 0, 0) || begins(head, 0xff, 0xff, 0xff, 0xff);
  }

  /**
   * Refuses content with the signature of a type that is not read.
   *
   * @throws IOException if it is such a file
   */
  static void refuseOthers(String where, byte[] head) throws IOException {
    Signature signature = Signature.of(Arrays.copyOf(head, Math.min(head.length, SIGNATURES)));
    if (signature != null) {
      throw new IOException(
          where + ": is " + signature.name() + ", no text; " + signature.remedy());
    }
  }

  private static Content encoding(byte[] head) {
    if (begins(head, 0xff, 0xfe, 0, 0)) {
      return UTF_32LE;
    }
    if (begins(head, 0, 0, 0xfe, 0xff)) {
      return UTF_32BE;
    }
    if (begins(head, 0xff, 0xfe)) {
      return UTF_16LE;
    }
    if (begins(head, 0xfe, 0xff)) {
      return UTF_16BE;
    }
    // Without a byte-order mark: nearly all characters are below 256, so that all their other
    // bytes are zero, which UTF-8 never has.
    for (Content wide : new Content[] {UTF_32LE, UTF_32BE, UTF_16LE, UTF_16BE}) {
      if (isNarrow(head, wide)) {
        return wide;
      }
    }
    return UTF_8;
  }

  private static boolean isNarrow(byte[] head, Content wide) {
    int unit = wide == UTF_16LE || wide == UTF_16BE ? 2 : 4;
    int low = wide == UTF_16LE || wide == UTF_32LE ? 0 : unit - 1;
    int units = head.length / unit;
    int narrow = 0;
    for (int i = 0; i < units; i++) {
      int zeros = 0;
      for (int b = 0; b < unit; b++) {
        zeros += b != low && head[i * unit + b] == 0 ? 1 : 0;
      }
      if (head[i * unit + low] == 0 && zeros == unit - 1) {
        return false;
      }
      narrow += zeros == unit - 1 ? 1 : 0;
    }
    return units >= 2 && narrow >= units - units / ONE_IN;
  }

  private static boolean begins(byte[] head, int... bytes) {
    if (head.length < bytes.length) {
      return false;
    }
    for (int i = 0; i < bytes.length; i++) {
      if ((head[i] & 0xff) != bytes[i]) {
        return false;
      }
    }
    return true;
  }

  private static byte[] rest(byte[] head) {
    return Arrays.copyOfRange(head, 1, 4);
  }

  /**
   * Statistics of a text decoded in an encoding.
   *
   * @param odd the number of malformed or control characters
   */
  private record Sample(int characters, int odd) {
    static Sample of(byte[] head, Charset charset) {
      CharsetDecoder decoder = charset.newDecoder();
      ByteBuffer in = ByteBuffer.wrap(head);
      CharBuffer out = CharBuffer.allocate(head.length + 1);
      int odd = 0;
      // The sample may end inside a character.
      for (CoderResult result = decoder.decode(in, out, false);
          result.isError();
          result = decoder.decode(in, out, false)) {
        odd++;
        out.put('\uFFFD');
        in.position(in.position() + result.length());
      }
      out.flip();
      for (int i = 0; i < out.length(); i++) {
        char c = out.charAt(i);
        boolean isUsual = c >= ' ' && c != 0x7f || "\t\n\u000b\f\r\b\u001b".indexOf(c) >= 0;
        odd += isUsual && c != '\uFFFE' && c != '\uFFFF' ? 0 : 1;
      }
      return new Sample(out.length(), odd);
    }
  }
}

package io.sluice.text.parquet;

import java.io.IOException;

/**
 * Unpacks LZ4's format of blocks: runs of literals, each followed by a copy of what was unpacked
 * before. Indices outside of either array throw {@link IndexOutOfBoundsException}.
 */
final class Lz4 {
  private Lz4() {}

  /**
   * Unpacks one block.
   *
   * @return how many bytes were written from {@code start} on
   */
  static int unpack(byte[] in, int from, int end, byte[] out, int start) throws IOException {
    int at = from;
    int to = start;
    while (at < end) {
      int token = in[at++] & 0xff;
      int literals = token >>> 4;
      if (literals == 15) {
        int more;
        do {
          more = in[at++] & 0xff;
          literals += more;
        } while (more == 255 && literals <= in.length);
      }
      if (literals > end - at) {
        throw new IOException("a page's LZ4 stream is damaged");
      }
      System.arraycopy(in, at, out, to, literals);
      at += literals;
      to += literals;
      if (at == end) {
        break; // A block ends with literals.
      }
      int distance = in[at] & 0xff | (in[at + 1] & 0xff) << 8;
      at += 2;
      int length = (token & 15) + 4;
      if (length == 19) {
        int more;
        do {
          more = in[at++] & 0xff;
          length += more;
        } while (more == 255 && length <= out.length);
      }
      to = Snappy.repeat(out, to, distance, length);
    }
    return to - start;
  }

  /**
   * Unpacks what older writers made: blocks, each after its length unpacked and packed, as Hadoop
   * has them; or, as some did, one block alone.
   */
  static int unpackFramed(byte[] in, int from, byte[] out) throws IOException {
    int at = from;
    int to = 0;
    while (in.length - at >= 8) {
      int unpacked = big(in, at);
      int packed = big(in, at + 4);
      if (unpacked < 0 || packed < 0 || packed > in.length - at - 8) {
        break;
      }
      at += 8;
      if (unpack(in, at, at + packed, out, to) != unpacked) {
        throw new IOException("a page's LZ4 stream is damaged");
      }
      at += packed;
      to += unpacked;
    }
    return at == from ? unpack(in, from, in.length, out, 0) : to;
  }

  private static int big(byte[] in, int at) {
    return (in[at] & 0xff) << 24
        | (in[at + 1] & 0xff) << 16
        | (in[at + 2] & 0xff) << 8
        | in[at + 3] & 0xff;
  }
}

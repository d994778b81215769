package io.sluice.text.parquet;

import java.io.IOException;

/**
 * Unpacks Snappy's format of blocks: a length, then literals and copies of what was unpacked
 * before. Indices outside of either array throw {@link IndexOutOfBoundsException}.
 */
final class Snappy {
  private Snappy() {}

  /** The length that the stream itself says it has unpacked; -1 for none that makes sense. */
  static int length(byte[] bytes, int from) {
    long length = 0;
    for (int i = from; i < bytes.length && i < from + 5; i++) {
      length |= (long) (bytes[i] & 0x7f) << (7 * (i - from));
      if (bytes[i] >= 0) {
        return length > Integer.MAX_VALUE ? -1 : (int) length;
      }
    }
    return -1;
  }

  /** Unpacks into {@code out}, which is as long as {@link #length}; the number of bytes written. */
  static int unpack(byte[] in, int from, byte[] out) throws IOException {
    int at = from;
    while (in[at++] < 0) {}
    int to = 0;
    while (at < in.length) {
      int tag = in[at++] & 0xff;
      int length;
      int distance;
      switch (tag & 3) {
        case 0 -> {
          length = (tag >>> 2) + 1;
          if (length > 60) {
            int bytes = length - 60;
            length = 1 + little(in, at, bytes);
            at += bytes;
          }
          if (length < 1) {
            throw new IOException("a page's Snappy stream is damaged");
          }
          System.arraycopy(in, at, out, to, length);
          at += length;
          to += length;
          continue;
        }
        case 1 -> {
          length = 4 + (tag >>> 2 & 7);
          distance = (tag & 0xe0) << 3 | in[at++] & 0xff;
        }
        case 2 -> {
          length = 1 + (tag >>> 2);
          distance = little(in, at, 2);
          at += 2;
        }
        default -> {
          length = 1 + (tag >>> 2);
          distance = little(in, at, 4);
          at += 4;
        }
      }
      to = repeat(out, to, distance, length);
    }
    return to;
  }

  /**
   * Copies {@code length} bytes from {@code distance} before {@code to}; where they overlap, what
   * has just been written is copied again. Where the next byte goes.
   */
  static int repeat(byte[] out, int to, int distance, int length) throws IOException {
    if (distance < 1 || distance > to || length > out.length - to) {
      throw new IOException("a page's compressed stream refers to what is not there");
    }
    if (distance >= length) {
      System.arraycopy(out, to - distance, out, to, length);
    } else {
      for (int i = to; i < to + length; i++) {
        out[i] = out[i - distance];
      }
    }
    return to + length;
  }

  private static int little(byte[] in, int at, int bytes) {
    int value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (in[at + i] & 0xff) << (8 * i);
    }
    return value;
  }
}

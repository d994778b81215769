package io.sluice.text.parquet;

import java.io.IOException;

/** Numbers of any width, packed from the lowest bit on. */
final class Bits {
  private Bits() {}

  /**
   * One number.
   *
   * @param bit its offset in bits
   * @param width at most 64
   * @param end the end of the bytes
   */
  static long read(byte[] bytes, long bit, int width, int end) throws IOException {
    if (bit + width > 8L * end) {
      throw new IOException("a page ends before its values do");
    }
    long value = 0;
    int at = (int) (bit >>> 3);
    int skipped = (int) (bit & 7);
    for (int have = -skipped; have < width; have += 8) {
      long next = bytes[at++] & 0xff;
      value |= have < 0 ? next >>> -have : next << have;
    }
    return width == Long.SIZE ? value : value & (1L << width) - 1;
  }
}

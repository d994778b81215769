package io.sluice.text.parquet;

import java.io.IOException;

/**
 * Small numbers in Parquet's hybrid of run lengths and packed bits: definition levels and
 * dictionary indices. Read one by one, so that a run of any length takes no memory.
 */
final class Hybrid {
  private final byte[] bytes;
  private final int end;
  private final int width;
  private int at;
  private long run;
  private int value;
  private long packed;
  private long bit;

  /**
   * @param from their start
   * @param end their end
   * @param width bits of a number, at most 32
   */
  Hybrid(byte[] bytes, int from, int end, int width) {
    this.bytes = bytes;
    this.at = from;
    this.end = end;
    this.width = width;
  }

  /** The next number. */
  int next() throws IOException {
    if (width == 0) {
      return 0;
    }
    while (run == 0 && packed == 0) {
      header();
    }
    if (run > 0) {
      run--;
      return value;
    }
    packed--;
    long number = Bits.read(bytes, bit, width, end);
    bit += width;
    return (int) number;
  }

  private void header() throws IOException {
    long header = 0;
    int shift = 0;
    int next;
    do {
      if (at >= end || shift > 28) {
        throw new IOException("a page ends before its values do");
      }
      next = bytes[at++] & 0xff;
      header |= (long) (next & 0x7f) << shift;
      shift += 7;
    } while (next >= 0x80);
    if ((header & 1) == 1) {
      packed = 8 * (header >>> 1);
      bit = 8L * at;
      // The last group may be truncated if its numbers are not needed.
      at = (int) Math.min(end, at + (header >>> 1) * width);
    } else {
      run = header >>> 1;
      int size = (width + 7) / 8;
      value = (int) Bits.read(bytes, 8L * at, 8 * size, end);
      at += size;
    }
  }
}

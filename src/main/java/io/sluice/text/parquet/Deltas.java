package io.sluice.text.parquet;

import java.io.IOException;

/**
 * Integers in Parquet's delta encoding, lengths of texts among them: a first number, then blocks
 * with a smallest difference each and the differences from it in few bits.
 */
final class Deltas {
  private final byte[] bytes;
  private final int count;
  private final int perBlock;
  private final int minis;
  private final int perMini;
  private final int blocks;
  private final long first;
  private int at;
  private int given;
  private long value;
  private long least;
  private int widths;
  private int mini;
  private int inMini;
  private long bit;

  /**
   * @param from their start; {@link #end} is their end
   */
  Deltas(byte[] bytes, int from) throws IOException {
    this.bytes = bytes;
    this.at = from;
    this.perBlock = size();
    this.minis = size();
    this.count = size();
    this.first = zigzag();
    this.blocks = at;
    if (minis < 1 || perBlock < 1 || perBlock % minis != 0 || perBlock / minis % 8 != 0) {
      throw new IOException("a page packs its numbers wrongly");
    }
    this.perMini = perBlock / minis;
    this.mini = minis;
  }

  /**
   * The end of the numbers, found in time proportional to the blocks, whatever count they claim.
   */
  int end() throws IOException {
    int was = at;
    at = blocks;
    for (long left = count - 1L; left > 0; ) {
      zigzag();
      int width = at;
      at = checked(at + (long) minis);
      for (int i = 0; i < minis && left > 0; i++, left -= perMini) {
        at = checked(at + (bytes[width + i] & 0xffL) * perMini / 8);
      }
    }
    int end = at;
    at = was;
    return end;
  }

  /** The next number, which must be a length. */
  int next() throws IOException {
    long length = number(Integer.SIZE);
    if (length < 0 || length > bytes.length) {
      throw new IOException("a page has a value longer than itself");
    }
    return (int) length;
  }

  /**
   * The next number.
   *
   * @param bits the most bits that a difference may have
   */
  long number(int bits) throws IOException {
    if (given == count) {
      throw new IOException("a page ends before its values do");
    }
    if (given++ == 0) {
      value = first;
    } else {
      if (mini == minis) {
        least = zigzag();
        widths = at;
        at = checked(at + (long) minis);
        mini = 0;
        inMini = 0;
        bit = 8L * at;
      }
      int width = bytes[widths + mini] & 0xff;
      if (width > bits) {
        throw new IOException("a page packs its numbers wrongly");
      }
      value += least + Bits.read(bytes, bit, width, bytes.length);
      bit += width;
      if (++inMini == perMini) {
        inMini = 0;
        mini++;
        at = (int) (bit >>> 3);
      }
    }
    return value;
  }

  private int checked(long position) throws IOException {
    if (position > bytes.length) {
      throw new IOException("a page ends before its values do");
    }
    return (int) position;
  }

  private int size() throws IOException {
    long size = varint();
    if (size < 0 || size > Integer.MAX_VALUE) {
      throw new IOException("a page packs its numbers wrongly");
    }
    return (int) size;
  }

  private long zigzag() throws IOException {
    long number = varint();
    return (number >>> 1) ^ -(number & 1);
  }

  private long varint() throws IOException {
    long number = 0;
    for (int shift = 0; shift < Long.SIZE; shift += 7) {
      if (at >= bytes.length) {
        throw new IOException("a page ends before its values do");
      }
      int next = bytes[at++] & 0xff;
      number |= (long) (next & 0x7f) << shift;
      if (next < 0x80) {
        return number;
      }
    }
    throw new IOException("a page packs its numbers wrongly");
  }
}

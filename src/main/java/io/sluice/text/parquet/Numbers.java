package io.sluice.text.parquet;

import java.io.IOException;

/** The integers of one page, one after the other. */
abstract sealed class Numbers {
  /** Goes on to the next value and returns it. */
  abstract long next() throws IOException;

  private static IOException endsEarly() {
    return new IOException("a page ends before its values do");
  }

  /** Bytes of an integer of a type. */
  static int width(int type) {
    return type == Footer.INT32 ? Integer.BYTES : Long.BYTES;
  }

  /** A signed integer, lowest byte first, each byte {@code step} after the one before. */
  private static long read(byte[] page, int at, int step, int width) {
    long value = 0;
    for (int i = 0; i < width; i++) {
      value |= (page[at + i * step] & 0xffL) << 8 * i;
    }
    return width == Integer.BYTES ? (int) value : value;
  }

  /** Each in four or eight bytes. */
  static final class Plain extends Numbers {
    private final byte[] page;
    private final int width;
    private int at;

    Plain(byte[] page, int at, int width) {
      this.page = page;
      this.at = at;
      this.width = width;
    }

    @Override
    long next() throws IOException {
      if (width > page.length - at) {
        throw endsEarly();
      }
      at += width;
      return read(page, at - width, 1, width);
    }
  }

  /** First the lowest byte of each, then the next byte of each, and so on. */
  static final class Streams extends Numbers {
    private final byte[] page;
    private final int start;
    private final int count;
    private final int width;
    private int given;

    Streams(byte[] page, int start, int width) {
      this.page = page;
      this.start = start;
      this.count = (page.length - start) / width;
      this.width = width;
    }

    @Override
    long next() throws IOException {
      if (given == count) {
        throw endsEarly();
      }
      return read(page, start + given++, count, width);
    }
  }

  /** As differences. */
  static final class Differences extends Numbers {
    private final Deltas deltas;
    private final int width;

    Differences(byte[] page, int at, int width) throws IOException {
      this.deltas = new Deltas(page, at);
      this.width = width;
    }

    @Override
    long next() throws IOException {
      long value = deltas.number(8 * width);
      // Differences of four bytes are modulo 2^32.
      return width == Integer.BYTES ? (int) value : value;
    }
  }

  /** Places in a dictionary. */
  static final class Places extends Numbers {
    private final byte[] dictionary;
    private final int count;
    private final int width;
    private final Hybrid places;

    /**
     * @param dictionary a page of {@code count} plain values
     */
    Places(byte[] dictionary, int count, int width, byte[] page, int at) throws IOException {
      if (count < 0 || count > dictionary.length / width) {
        throw new IOException("a dictionary has fewer values than it says");
      }
      this.dictionary = dictionary;
      this.count = count;
      this.width = width;
      // A page without present values may be empty; reading one from it is an error.
      int bits = at < page.length ? page[at] & 0xff : Integer.SIZE;
      if (bits > Integer.SIZE) {
        throw new IOException("a page refers to its dictionary wrongly");
      }
      this.places = new Hybrid(page, at + 1, page.length, bits);
    }

    @Override
    long next() throws IOException {
      int place = places.next();
      if (place < 0 || place >= count) {
        throw new IOException("a page refers to a value that its dictionary does not have");
      }
      return read(dictionary, place * width, 1, width);
    }
  }
}

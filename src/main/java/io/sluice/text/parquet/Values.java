package io.sluice.text.parquet;

import io.sluice.memory.ScratchArrays;
import java.io.IOException;

/** The values of one page, one after the other, each a range of bytes. */
abstract sealed class Values {
  /** Where the value is, after {@link #next}. */
  byte[] bytes;

  int from;
  int to;

  /** Goes on to the next value. */
  abstract void next() throws IOException;

  /** Each after its length in four bytes. */
  static final class Plain extends Values {
    Plain(byte[] page, int at) {
      bytes = page;
      to = at;
    }

    @Override
    void next() throws IOException {
      from = to + Integer.BYTES;
      long end = from > bytes.length ? -1 : from + (Dictionary.length(bytes, to) & 0xffffffffL);
      if (end < from || end > bytes.length) {
        throw new IOException("a page ends before its values do");
      }
      to = (int) end;
    }
  }

  /** Places in a dictionary. */
  static final class Places extends Values {
    private final Dictionary dictionary;
    private final Hybrid places;

    Places(Dictionary dictionary, byte[] page, int at) throws IOException {
      this.dictionary = dictionary;
      this.bytes = dictionary.bytes();
      // A page without present rows may be empty; reading a value from it is an error.
      int width = at < page.length ? page[at] & 0xff : Integer.SIZE;
      if (width > Integer.SIZE) {
        throw new IOException("a page refers to its dictionary wrongly");
      }
      this.places = new Hybrid(page, at + 1, page.length, width);
    }

    @Override
    void next() throws IOException {
      int place = places.next();
      if (place < 0 || place >= dictionary.size()) {
        throw new IOException("a page refers to a value that its dictionary does not have");
      }
      from = dictionary.from(place);
      to = from + Dictionary.length(bytes, from - Integer.BYTES);
    }
  }

  /** All lengths, then all values. */
  static final class AfterLengths extends Values {
    private final Deltas lengths;

    AfterLengths(byte[] page, int at) throws IOException {
      bytes = page;
      lengths = new Deltas(page, at);
      to = lengths.end();
    }

    @Override
    void next() throws IOException {
      int length = lengths.next();
      from = to;
      if (length > bytes.length - from) {
        throw new IOException("a page ends before its values do");
      }
      to = from + length;
    }
  }

  /** Each begins as the one before it did, so far as a length says. */
  static final class AfterPrefixes extends Values {
    private final Deltas prefixes;
    private final AfterLengths rest;

    AfterPrefixes(byte[] page, int at) throws IOException {
      bytes = new byte[64];
      prefixes = new Deltas(page, at);
      rest = new AfterLengths(page, prefixes.end());
    }

    @Override
    void next() throws IOException {
      int prefix = prefixes.next();
      rest.next();
      if (prefix > to) {
        throw new IOException("a page repeats more of a value than there is");
      }
      int length = rest.to - rest.from;
      // What is repeated has been in the page itself, so this stays as small as the page is.
      bytes = ScratchArrays.extended(bytes, prefix + length);
      System.arraycopy(rest.bytes, rest.from, bytes, prefix, length);
      to = prefix + length;
    }
  }
}

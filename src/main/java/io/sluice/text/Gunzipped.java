package io.sluice.text;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * A gzip stream of one or several members, all of which must be whole. {@link GZIPInputStream} ends
 * without an error where a member's header is damaged, so the texts behind it would be missing.
 * Zeros behind the last member are padding.
 */
final class Gunzipped extends GZIPInputStream {
  /** The length of a checksum and a size, which follow each member. */
  private static final int TRAILER = 8;

  private boolean isAtEnd;

  /**
   * Reads the header.
   *
   * @param piece how many bytes to read at once
   */
  Gunzipped(InputStream in, int piece) throws IOException {
    super(new Honest(in, piece), piece);
  }

  @Override
  public int read(byte[] bytes, int from, int length) throws IOException {
    int read = super.read(bytes, from, length);
    if (read < 0 && !isAtEnd) {
      requireEnd();
      isAtEnd = true;
    }
    return read;
  }

  private void requireEnd() throws IOException {
    for (int i = len - Math.max(0, inf.getRemaining() - TRAILER); i < len; i++) {
      requirePadding(buf[i]);
    }
    byte[] rest = new byte[buf.length];
    for (int read = in.read(rest); read > 0; read = in.read(rest)) {
      for (int i = 0; i < read; i++) {
        requirePadding(rest[i]);
      }
    }
  }

  private static void requirePadding(byte value) throws ZipException {
    if (value != 0) {
      throw new ZipException("what follows a member is none");
    }
  }

  /** Says that something is available until there is nothing: another member is looked for then. */
  private static final class Honest extends BufferedInputStream {
    Honest(InputStream in, int piece) {
      super(in, piece);
    }

    @Override
    public synchronized int available() throws IOException {
      mark(1);
      int next = read();
      if (next < 0) {
        return 0;
      }
      reset();
      return 1;
    }
  }
}

package io.sluice.files;

import java.io.IOException;

/**
 * Limits the size of a decompressed file: a few bytes can be made to unpack to any number. Texts
 * usually compress by a factor of three to ten.
 */
public final class Unfolding {
  /** The unpacked size that every file may have. */
  private static final long ALWAYS = 64L << 20;

  /** The largest ratio of unpacked to packed size above that. */
  private static final long MOST = 1000;

  private final long most;
  private long bytes;

  /**
   * @param fileBytes the length of the packed file
   */
  public Unfolding(long fileBytes) {
    this.most =
        fileBytes > Long.MAX_VALUE / MOST ? Long.MAX_VALUE : Math.max(ALWAYS, MOST * fileBytes);
  }

  /**
   * Counts further unpacked bytes.
   *
   * @throws IOException if the limit is exceeded; the message does not name the file
   */
  public void add(long more) throws IOException {
    bytes += more;
    if (bytes > most || bytes < 0) {
      throw new IOException(
          "it unpacks to more than " + most + " bytes, a thousand times its size or more");
    }
  }
}

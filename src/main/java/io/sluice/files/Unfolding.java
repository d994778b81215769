package io.sluice.files;

import java.io.IOException;

/**
 * Counts what comes out of a compressed file, and stops where that is no content but a trap: a few
 * bytes can be made to unfold to any number. Texts get three to ten times shorter.
 */
public final class Unfolding {
  /** What any file may unfold to. */
  private static final long ALWAYS = 64L << 20;

  /** How many times its size a larger one may. */
  private static final long MOST = 1000;

  private final long most;
  private long bytes;

  /**
   * @param fileBytes how long the file is
   */
  public Unfolding(long fileBytes) {
    this.most =
        fileBytes > Long.MAX_VALUE / MOST ? Long.MAX_VALUE : Math.max(ALWAYS, MOST * fileBytes);
  }

  /**
   * More has come out.
   *
   * @throws IOException if that is more than any content would; the message does not name the file
   */
  public void add(long more) throws IOException {
    bytes += more;
    if (bytes > most || bytes < 0) {
      throw new IOException(
          "it unfolds to more than " + most + " bytes, a thousand times its size or more");
    }
  }
}

package io.sluice.text.parquet;

import java.io.IOException;

/** The values that a chunk's pages refer to, each after its length in four bytes. */
final class Dictionary {
  private final byte[] bytes;
  private final int[] starts;

  private Dictionary(byte[] bytes, int[] starts) {
    this.bytes = bytes;
    this.starts = starts;
  }

  /**
   * Finds the values of a page.
   *
   * @param count how many the page's header says there are
   */
  static Dictionary of(byte[] page, int count) throws IOException {
    // A value takes at least four bytes, so this bounds the number of values.
    if (count < 0 || count > page.length / Integer.BYTES) {
      throw new IOException("a dictionary has fewer values than it says");
    }
    int[] starts = new int[count];
    Values.Plain values = new Values.Plain(page, 0);
    for (int i = 0; i < count; i++) {
      values.next();
      starts[i] = values.from;
    }
    return new Dictionary(page, starts);
  }

  /** Where the values are. */
  byte[] bytes() {
    return bytes;
  }

  /** How many there are. */
  int size() {
    return starts.length;
  }

  /**
   * Where the value of a place begins; {@link #length} of the four bytes before it is its length.
   */
  int from(int place) {
    return starts[place];
  }

  /** An unsigned number of four bytes, lowest first, as an int. */
  static int length(byte[] bytes, int at) {
    return bytes[at] & 0xff
        | (bytes[at + 1] & 0xff) << 8
        | (bytes[at + 2] & 0xff) << 16
        | (bytes[at + 3] & 0xff) << 24;
  }
}

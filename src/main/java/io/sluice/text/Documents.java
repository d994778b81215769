package io.sluice.text;

import java.io.IOException;

/** The documents of one file, one after the other, in pieces. */
interface Documents extends AutoCloseable {
  /** Goes on to the next document; false if there is none. */
  boolean next() throws IOException;

  /** Where the document is, for messages. */
  String where();

  /** The next piece of the document, never empty; null at its end. */
  String piece() throws IOException;

  @Override
  void close() throws IOException;
}

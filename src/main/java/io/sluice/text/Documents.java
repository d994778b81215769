package io.sluice.text;

import java.io.IOException;

/** The documents of one file in order, each in pieces. */
interface Documents extends AutoCloseable {
  /** Moves to the next document; false if there is none. */
  boolean next() throws IOException;

  /** The location of the document, for messages. */
  String where();

  /** The next piece of the document, never empty; null at its end. */
  String piece() throws IOException;

  @Override
  void close() throws IOException;
}

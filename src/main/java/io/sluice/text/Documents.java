package io.sluice.text;

import java.io.IOException;

/** The documents of one file in order, each in pieces. */
interface Documents extends AutoCloseable {
  /** Moves to the next document; false if there is none. */
  boolean next() throws IOException;

  /** The location of the document, for messages. */
  String where();

  /** The next piece of a document that is text, never empty; null at its end. */
  default String piece() throws IOException {
    throw new IllegalStateException("these documents are token ids");
  }

  /** The ids of a document that is token ids, at once; null when they have been taken. */
  default int[] ids() {
    throw new IllegalStateException("these documents are text");
  }

  @Override
  void close() throws IOException;
}

package io.sluice.model.capture;

import io.sluice.model.tokens.Context;
import java.io.IOException;

/** Names the documents of contexts that come in order, each document once. */
final class DocumentNames {
  private int count;

  /** Receives documents in the order of their numbers. */
  interface Named {
    /**
     * Takes one.
     *
     * @param firstRow the row of its first token, or of the next document's
     */
    void document(String name, long firstRow) throws IOException;
  }

  /** Names the document of a context if it is new, and those without tokens before it. */
  void of(Context context, long firstRow, Named named) throws IOException {
    for (; count <= context.document(); count++) {
      named.document(count == context.document() ? context.name() : "", firstRow);
    }
  }
}

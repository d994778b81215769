package io.sluice.features.gather;

import io.sluice.features.FeatureManifest.Window;
import io.sluice.store.ActivationStore;
import io.sluice.store.DocumentTable;
import io.sluice.store.Shard;
import io.sluice.store.TokenTable;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** The tokens of a store and the documents that they belong to. */
final class StoreText {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

  private final ActivationStore store;
  private final TokenTable tokens;
  private final DocumentTable documents;
  private final MemorySegment[] ids;

  /**
   * The text of a store.
   *
   * @throws IOException if the store has no texts of tokens or no token ids, or a file cannot be
   *     read
   */
  StoreText(ActivationStore store) throws IOException {
    this.store = store;
    this.tokens =
        store
            .tokens()
            .orElseThrow(
                () ->
                    new IOException(
                        store.place()
                            + ": has no texts of its tokens (.tokens.ipc), so contexts could not be"
                            + " read; capture the text again, or write that file"));
    store.require(Column.TOKEN_ID);
    this.documents = store.documents().isPresent() ? store.documents().get() : numbered(store);
    this.ids = new MemorySegment[store.shards().size()];
    for (int i = 0; i < ids.length; i++) {
      Shard shard = store.shards().get(i);
      ids[i] = shard.data(Column.TOKEN_ID, 0, shard.rows());
    }
  }

  /** Documents by their numbers, of a store that does not name them. */
  private static DocumentTable numbered(ActivationStore store) throws IOException {
    List<DocumentTable.Document> all = new ArrayList<>();
    int last = Shard.UNKNOWN;
    for (Shard shard : store.shards()) {
      MemorySegment numbers = shard.data(Column.DOCUMENT_ID, 0, shard.rows());
      for (int i = 0; i < shard.rows(); i++) {
        int number = numbers.getAtIndex(INT, i);
        if (all.isEmpty() || number != last) {
          String name = number == Shard.UNKNOWN ? "all rows" : "document " + number;
          all.add(new DocumentTable.Document(name, shard.firstRow() + i));
          last = number;
        }
      }
    }
    return DocumentTable.of(all);
  }

  TokenTable tokens() {
    return tokens;
  }

  DocumentTable documents() {
    return documents;
  }

  /**
   * The tokens around a row, of its document only.
   *
   * @param document the document's index; -1 if the row is before the first
   * @param documentStart the row where the document begins
   * @param from the first row
   * @param to the end, exclusive
   */
  record Span(int document, long documentStart, long from, long to) {}

  Span span(long row, Window window) {
    int document = documents.of(row);
    long start = document < 0 ? 0 : documents.firstRow(document);
    long end = document + 1 < documents.count() ? documents.firstRow(document + 1) : store.rows();
    return new Span(
        document,
        start,
        Math.max(start, row - window.before()),
        Math.min(Math.min(end, store.rows()), row + window.after() + 1));
  }

  /** The ids of the tokens of some rows. */
  int[] ids(long from, long to) {
    int[] all = new int[(int) (to - from)];
    for (int done = 0; done < all.length; ) {
      int place = store.shardNumber(from + done);
      Shard shard = store.shards().get(place);
      long first = from + done - shard.firstRow();
      int count = (int) Math.min(all.length - done, shard.rows() - first);
      try {
        MemorySegment.copy(ids[place], INT, first * Integer.BYTES, all, done, count);
      } catch (InternalError e) {
        throw new UncheckedIOException(shard.unreadable(e));
      }
      done += count;
    }
    return all;
  }
}

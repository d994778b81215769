package io.sluice.model.capture;

import io.sluice.model.tokens.Context;
import io.sluice.store.ActivationStore;
import io.sluice.store.Batch;
import io.sluice.store.BatchPlan;
import io.sluice.store.Batches;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Locale;

/** Compares the tokens of a store with those of texts, in order, while the texts are read. */
final class StoredTokens {
  private static final int BATCH = 8192;

  private final ActivationStore store;
  private final StoredRows stored;
  private final Batches batches;
  private MemorySegment ids;
  private MemorySegment positions;
  private MemorySegment documents;
  private int place;
  private int count;
  private long row;
  private String difference;

  StoredTokens(ActivationStore store, StoredRows stored) {
    this.store = store;
    this.stored = stored;
    this.batches =
        store.batches(
            BatchPlan.sequential(
                List.of(Column.TOKEN_ID, Column.POSITION, Column.DOCUMENT_ID), BATCH));
  }

  /** Compares the rows of the next context. */
  void add(Context context) throws IOException {
    int first = stored.first(context);
    int[] around = stored.special().around(context.tokens());
    for (int i = 0; i < stored.count(context); i++) {
      if (difference != null || place == count && !read()) {
        return;
      }
      int id = ids.getAtIndex(ValueLayout.JAVA_INT, place);
      int position = positions.getAtIndex(ValueLayout.JAVA_INT, place);
      int document = documents.getAtIndex(ValueLayout.JAVA_INT, place);
      if (id != around[first + i] || position != first + i || document != context.document()) {
        difference =
            String.format(
                Locale.ROOT,
                "%s: row %d is token %d at position %d of document %d, but the texts give %d at %d of %d (%s); give the texts, the tokenizer and the options that it was captured with",
                store.place(),
                row,
                id,
                position,
                document,
                around[first + i],
                first + i,
                context.document(),
                context.name());
        return;
      }
      place++;
      row++;
    }
  }

  private boolean read() throws IOException {
    if (!batches.hasNext()) {
      return false;
    }
    Batch batch = batches.next();
    ids = batch.data(0);
    positions = batch.data(1);
    documents = batch.data(2);
    place = 0;
    count = batch.rows();
    return true;
  }

  /**
   * Refuses texts that give other tokens for the first rows of the store.
   *
   * @param rows how many must be the same
   */
  void requireSame(long rows) throws IOException {
    if (difference != null && row < rows) {
      throw new IOException(difference);
    }
  }
}

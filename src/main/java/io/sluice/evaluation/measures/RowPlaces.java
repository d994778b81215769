package io.sluice.evaluation.measures;

import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.store.Shard;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.List;

/**
 * Where the selected rows of a store are, in its order: their positions and the numbers of their
 * contexts. A context ends where the document changes or the position does not go on by one.
 */
public final class RowPlaces {
  private final List<Shard> shards;
  private final RowFilter filter;
  private int shard = -1;
  private BitSet kept = new BitSet();
  private int row = -1;
  private int[] inShard = new int[0];
  private int[] documents = new int[0];
  private int lastPosition = -2;
  private int lastDocument;
  private int context = -1;
  private int[] positions = new int[0];
  private int[] contexts = new int[0];

  /** Before the first row. */
  public RowPlaces(ActivationStore store, RowFilter filter) {
    this.shards = store.shards();
    this.filter = filter;
  }

  /**
   * Goes on by some rows, for {@link #position} and {@link #context}.
   *
   * @throws IOException if a file was cut short since it was opened, or cannot be read
   * @throws IllegalStateException if there are not so many
   */
  public void next(int count) throws IOException {
    if (positions.length < count) {
      positions = new int[count];
      contexts = new int[count];
    }
    for (int i = 0; i < count; i++) {
      row = kept.nextSetBit(row + 1);
      while (row < 0) {
        open(++shard);
        row = kept.nextSetBit(0);
      }
      int position = inShard[row];
      if (position != lastPosition + 1 || documents[row] != lastDocument) {
        context++;
      }
      lastPosition = position;
      lastDocument = documents[row];
      positions[i] = position;
      contexts[i] = context;
    }
  }

  private void open(int number) throws IOException {
    if (number >= shards.size()) {
      throw new IllegalStateException("the store has no further rows");
    }
    Shard next = shards.get(number);
    kept = next.kept(filter);
    try {
      inShard = next.data(Column.POSITION).toArray(ValueLayout.JAVA_INT);
      documents = next.data(Column.DOCUMENT_ID).toArray(ValueLayout.JAVA_INT);
    } catch (InternalError e) {
      throw next.unreadable(e);
    }
  }

  /** The position of a row of the latest {@link #next}. */
  public int position(int index) {
    return positions[index];
  }

  /** The number of its context, from 0 on, counted over the contexts that have selected rows. */
  public int context(int index) {
    return contexts[index];
  }
}

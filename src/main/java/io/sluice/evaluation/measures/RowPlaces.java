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
 * contexts. A context ends where the document changes or the position does not go on by one. In a
 * store without positions, the position is {@link Shard#UNKNOWN} and each document is a context, or
 * each row where there are no documents either.
 */
public final class RowPlaces {
  /** What comes before the first row. */
  private static final int NONE = Integer.MIN_VALUE;

  private final ActivationStore store;
  private final List<Shard> shards;
  private final RowFilter filter;
  private int shard = -1;
  private BitSet kept = new BitSet();
  private int row = -1;
  private int[] inShard = new int[0];
  private int[] documents = new int[0];
  private int lastPosition = NONE;
  private int lastDocument;
  private int context = -1;
  private int[] positions = new int[0];
  private int[] contexts = new int[0];
  private boolean continued;

  /** Before the first row. */
  public RowPlaces(ActivationStore store, RowFilter filter) {
    this.store = store;
    this.shards = store.shards();
    this.filter = filter;
  }

  /**
   * Before a row. The context to which the first of the selected rows from there on belongs has the
   * number 0, even if it has begun before.
   *
   * @throws IOException if a file was cut short since it was opened, or cannot be read
   */
  public RowPlaces(ActivationStore store, RowFilter filter, long firstRow) throws IOException {
    this(store, filter);
    long found = -1;
    for (int i = shards.size() - 1; i >= 0 && found < 0; i--) {
      long local = firstRow - shards.get(i).firstRow();
      if (local > 0) {
        open(i);
        row = kept.previousSetBit((int) Math.min(local, shards.get(i).rows()) - 1);
        found = row;
      }
    }
    if (found >= 0) {
      lastPosition = inShard[row];
      lastDocument = documents[row];
    } else {
      // None is selected before it.
      shard = -1;
      kept = new BitSet();
      row = -1;
    }
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
        open(shard + 1);
        row = kept.nextSetBit(0);
      }
      int position = inShard[row];
      boolean next =
          position == Shard.UNKNOWN
              ? documents[row] != Shard.UNKNOWN
              : position == lastPosition + 1;
      if (lastPosition == NONE || !next || documents[row] != lastDocument) {
        context++;
      } else if (context < 0) {
        context = 0;
        continued = true;
      }
      lastPosition = position;
      lastDocument = documents[row];
      positions[i] = position;
      contexts[i] = context;
    }
  }

  private void open(int number) throws IOException {
    shard = number;
    if (number >= shards.size()) {
      throw new IllegalStateException("the store has no further rows");
    }
    Shard next = shards.get(number);
    kept = store.kept(next, filter, List.of());
    try {
      inShard = next.data(Column.POSITION, 0, next.rows()).toArray(ValueLayout.JAVA_INT);
      documents = next.data(Column.DOCUMENT_ID, 0, next.rows()).toArray(ValueLayout.JAVA_INT);
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

  /** Whether the context with the number 0 has selected rows before the first. */
  public boolean isContinued() {
    return continued;
  }
}

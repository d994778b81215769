package io.sluice.features.gather;

import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.store.Shard;
import java.io.IOException;
import java.util.BitSet;
import java.util.Iterator;

/**
 * The rows of a store that pass a filter, in order: the rows of the batches of a sequential plan.
 */
final class SelectedRows {
  private final Iterator<Shard> shards;
  private final RowFilter filter;
  private long firstRow;
  private BitSet kept = new BitSet();
  private int next = -1;

  SelectedRows(ActivationStore store, RowFilter filter) {
    this.shards = store.shards().iterator();
    this.filter = filter;
  }

  /** The next rows, as int without a sign. */
  int[] next(int count) throws IOException {
    int[] rows = new int[count];
    for (int i = 0; i < count; i++) {
      while (next < 0) {
        Shard shard = shards.next();
        firstRow = shard.firstRow();
        kept = shard.kept(filter);
        next = kept.nextSetBit(0);
      }
      rows[i] = (int) (firstRow + next);
      next = kept.nextSetBit(next + 1);
    }
    return rows;
  }
}

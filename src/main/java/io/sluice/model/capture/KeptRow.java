package io.sluice.model.capture;

import io.sluice.model.HookPoint;
import io.sluice.model.tokens.Context;
import io.sluice.store.ActivationStore;
import io.sluice.store.Shard;
import io.sluice.store.files.Column;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;

/**
 * The last row of a store that stays when a capture continues. Its batch runs again, and has to
 * give the same bits at every hook point: otherwise the model, LibTorch or the processor is
 * another.
 */
final class KeptRow {
  private final ActivationStore store;
  private final long row;
  private final StoredRows stored;
  private String difference;

  /**
   * @param row its number
   */
  KeptRow(ActivationStore store, long row, StoredRows stored) {
    this.store = store;
    this.row = row;
    this.stored = stored;
  }

  /** Whether it is among the rows of a batch. */
  boolean isIn(long firstRow, int rows) {
    return firstRow <= row && row < firstRow + rows;
  }

  /**
   * Compares what a batch has given at a hook point.
   *
   * @param firstRow the first row of the batch
   * @param activation {@code [batch, length, width]}
   */
  void compare(List<Context> batch, long firstRow, HookPoint point, Tensor activation) {
    int context = 0;
    long first = firstRow;
    while (first + stored.count(batch.get(context)) <= row) {
      first += stored.count(batch.get(context));
      context++;
    }
    long position = stored.first(batch.get(context)) + row - first;
    Column column = store.column(point.toString());
    try (TensorScope scope = TensorScope.open()) {
      MemorySegment found =
          activation
              .narrow(0, context, 1)
              .narrow(1, position, 1)
              .to(column.dtype())
              .to(Device.CPU)
              .contiguous()
              .data();
      if (found.mismatch(kept(column.name())) >= 0 && difference == null) {
        difference =
            String.format(
                Locale.ROOT,
                "%s: row %d of '%s' came out with other bits than it was captured with; go on with the model, the LibTorch and the kind of processor that it was captured with, or capture the store again",
                store.place(),
                row,
                column.name());
      }
    }
  }

  private MemorySegment kept(String column) {
    Shard shard = store.shardAt(row);
    int within = (int) (row - shard.firstRow());
    try {
      return shard.data(column, within, within + 1);
    } catch (IOException e) {
      difference = e.getMessage();
      return MemorySegment.NULL;
    }
  }

  /** Refuses to go on with other bits. */
  void requireSame() throws IOException {
    if (difference != null) {
      throw new IOException(difference);
    }
  }
}

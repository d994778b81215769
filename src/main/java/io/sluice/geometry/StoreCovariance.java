package io.sluice.geometry;

import io.sluice.simd.NonFiniteException;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.store.Shard;
import io.sluice.store.files.Column;
import io.sluice.torch.Device;
import java.io.IOException;
import java.util.BitSet;
import java.util.List;
import java.util.function.LongConsumer;

/** The covariance of one column of an activation store, read once and in place. */
public final class StoreCovariance {
  private static final int PIECE = 1 << 14;

  private StoreCovariance() {}

  /**
   * The covariance of a hook point over all rows, computed on the CPU.
   *
   * @throws IllegalArgumentException if the store has no such hook point
   * @throws IOException as the other
   */
  public static Covariance of(ActivationStore store, String hook) throws IOException {
    return of(store, store.column(hook), RowFilter.ALL, Device.CPU, rows -> {});
  }

  /**
   * Reads a column.
   *
   * @param column one of the store's hook points
   * @param filter selects the rows to use
   * @param device the device that computes the products
   * @param progress called now and then with the number of rows read so far
   * @throws IOException if a value is NaN or infinite (the message names store, column, row and
   *     element), or a file was truncated after the store was opened
   */
  public static Covariance of(
      ActivationStore store, Column column, RowFilter filter, Device device, LongConsumer progress)
      throws IOException {
    return moments(store, column, filter, device, false, progress).tokens();
  }

  /**
   * Reads a column.
   *
   * @param directions whether the moments of directions are taken, too
   * @throws IOException as {@link #of}
   */
  public static TokenMoments moments(
      ActivationStore store,
      Column column,
      RowFilter filter,
      Device device,
      boolean directions,
      LongConsumer progress)
      throws IOException {
    return moments(store, store.shards(), column, filter, device, directions, progress);
  }

  /**
   * Reads a column of one shard. The moments of all shards, merged, are those of the store but for
   * rounding; the same shards merged in the same order give the same bits.
   *
   * @param shard its number
   * @throws IOException as {@link #of}
   * @throws IndexOutOfBoundsException if there is no such shard
   */
  public static TokenMoments ofShard(
      ActivationStore store,
      int shard,
      Column column,
      RowFilter filter,
      Device device,
      boolean directions)
      throws IOException {
    List<Shard> one = List.of(store.shards().get(shard));
    return moments(store, one, column, filter, device, directions, rows -> {});
  }

  private static TokenMoments moments(
      ActivationStore store,
      List<Shard> shards,
      Column column,
      RowFilter filter,
      Device device,
      boolean directions,
      LongConsumer progress)
      throws IOException {
    try (CovarianceAccumulator tokens = CovarianceAccumulator.on(device, column.width());
        CovarianceAccumulator units =
            directions ? CovarianceAccumulator.ofDirections(device, column.width()) : null) {
      for (Shard shard : shards) {
        BitSet kept = store.kept(shard, filter, List.of(column.name()));
        for (int start = 0; start < shard.rows(); start += PIECE) {
          int end = Math.min(shard.rows(), start + PIECE);
          int from = kept.nextSetBit(start);
          while (from >= 0 && from < end) {
            int to = Math.min(end, kept.nextClearBit(from));
            add(store, column, shard, from, to, tokens);
            if (units != null) {
              add(store, column, shard, from, to, units);
            }
            from = kept.nextSetBit(to);
          }
          progress.accept(shard.firstRow() + end);
        }
      }
      try {
        return new TokenMoments(tokens.covariance(), units == null ? null : units.covariance());
      } catch (IllegalArgumentException e) {
        throw new IOException(
            store.place() + ": column '" + column.name() + "': " + e.getMessage(), e);
      }
    }
  }

  private static void add(
      ActivationStore store,
      Column column,
      Shard shard,
      int from,
      int to,
      CovarianceAccumulator accumulator)
      throws IOException {
    try {
      accumulator.add(shard.data(column.name(), from, to), column.dtype(), to - from);
    } catch (InternalError e) {
      throw shard.unreadable(e);
    } catch (NonFiniteException e) {
      throw new IOException(
          store.place()
              + ": column '"
              + column.name()
              + "', row "
              + (shard.firstRow() + from + e.row())
              + ", element "
              + e.column()
              + " is "
              + e.value()
              + "; capture again, in float32 if it was float16",
          e);
    }
  }
}

package io.sluice.store;

import java.util.Arrays;
import java.util.List;

/**
 * Finds the shard of a row: by a division where all shards but the last have the same number of
 * rows, as Sluice's own do, and by a search otherwise.
 */
final class ShardIndex {
  private final long even; // 0: they differ
  private final long[] firstRows;

  ShardIndex(List<Shard> shards) {
    this.firstRows = shards.stream().mapToLong(Shard::firstRow).toArray();
    this.even = isEven(shards) ? shards.getFirst().rows() : 0;
  }

  private static boolean isEven(List<Shard> shards) {
    if (shards.isEmpty()) {
      return false;
    }
    int rows = shards.getFirst().rows();
    int last = shards.size() - 1;
    return shards.getLast().rows() <= rows
        && shards.subList(0, last).stream().allMatch(shard -> shard.rows() == rows);
  }

  /** The number of the shard that has a row of the store. */
  int of(long row) {
    if (even != 0) {
      return (int) (row / even);
    }
    int found = Arrays.binarySearch(firstRows, row);
    return found >= 0 ? found : -found - 2;
  }

  /** The first row of a shard. */
  long firstRow(int shard) {
    return firstRows[shard];
  }
}

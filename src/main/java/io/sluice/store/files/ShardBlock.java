package io.sluice.store.files;

/**
 * One record batch of a shard.
 *
 * @param rows its rows, at least 1
 * @param offsets the offset in the file of each column of the store; {@link #ABSENT} for a token
 *     column that the file does not have. The array is the caller's
 * @param wide for each column, whether it is a token column of int64. The array is shared
 */
public record ShardBlock(int rows, long[] offsets, boolean[] wide) {
  /** The offset of a token column that a file does not have. */
  public static final long ABSENT = -1;
}

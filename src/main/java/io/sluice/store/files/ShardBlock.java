package io.sluice.store.files;

/**
 * One record batch of a shard.
 *
 * @param rows its rows, at least 1
 * @param offsets the offset in the file of each column of the store; {@link #ABSENT} for a token
 *     column that the file does not have. The array is the caller's
 */
public record ShardBlock(int rows, long[] offsets) {
  /** The offset of a token column that a file does not have. */
  public static final long ABSENT = -1;
}

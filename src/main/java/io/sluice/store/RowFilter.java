package io.sluice.store;

import java.util.function.LongPredicate;

/**
 * Selects rows of a store. A filter is evaluated once per row when batches are created, and costs
 * one bit per row afterwards.
 */
@FunctionalInterface
public interface RowFilter {
  /** Every row; costs nothing. */
  RowFilter ALL = (row, tokenId, position, documentId) -> true;

  /** Whether a row is used. */
  boolean keep(long row, int tokenId, int position, int documentId);

  /**
   * Leaves out the first positions of each context, since attention sinks have activations of
   * another scale. {@link ActivationStore#firstPosition} is their number in a store.
   *
   * @param first the first position that is used; 0 gives {@link #ALL}
   * @throws IllegalArgumentException if it is negative
   */
  static RowFilter fromPosition(int first) {
    if (first < 0) {
      throw new IllegalArgumentException("the first position is " + first);
    }
    return first == 0 ? ALL : (row, tokenId, position, documentId) -> position >= first;
  }

  /** Rows {@code from} (inclusive) to {@code to} (exclusive), for instance a held-out part. */
  static RowFilter range(long from, long to) {
    return (row, tokenId, position, documentId) -> row >= from && row < to;
  }

  /** Selects rows by their number. */
  static RowFilter rows(LongPredicate which) {
    return (row, tokenId, position, documentId) -> which.test(row);
  }

  /** Rows that pass this filter and {@code other}. */
  default RowFilter and(RowFilter other) {
    return (row, tokenId, position, documentId) ->
        keep(row, tokenId, position, documentId) && other.keep(row, tokenId, position, documentId);
  }
}

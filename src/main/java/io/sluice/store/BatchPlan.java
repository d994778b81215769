package io.sluice.store;

import java.util.List;
import java.util.Objects;

/**
 * Which batches to draw from a store.
 *
 * @param columns hook points or token columns to gather, all from the same rows
 * @param size rows per batch, at least 1
 * @param order whether rows come shuffled, without end, or in the order of the store, once
 * @param seed determines a shuffled order
 * @param widen whether float16 and bfloat16 are widened to float32 while they are gathered
 * @param filter selects the rows to use
 */
public record BatchPlan(
    List<String> columns, int size, Order order, long seed, boolean widen, RowFilter filter) {
  /** The order of the rows. */
  public enum Order {
    /** Each row once per epoch in a new random order, for an unlimited number of epochs. */
    SHUFFLED,
    /** The order of the store, once; the last batch may be smaller. */
    SEQUENTIAL
  }

  /**
   * Checks the parts.
   *
   * @throws IllegalArgumentException if there is no column or {@code size < 1}
   */
  public BatchPlan {
    columns = List.copyOf(columns);
    Objects.requireNonNull(order, "order");
    Objects.requireNonNull(filter, "filter");
    if (columns.isEmpty()) {
      throw new IllegalArgumentException("batches need at least one column");
    }
    if (size < 1) {
      throw new IllegalArgumentException("batch size is " + size + ", must be at least 1");
    }
  }

  /** Shuffled batches of all rows, in the store's dtype. */
  public static BatchPlan shuffled(List<String> columns, int size, long seed) {
    return new BatchPlan(columns, size, Order.SHUFFLED, seed, false, RowFilter.ALL);
  }

  /** All rows in the order of the store, in the store's dtype. */
  public static BatchPlan sequential(List<String> columns, int size) {
    return new BatchPlan(columns, size, Order.SEQUENTIAL, 0, false, RowFilter.ALL);
  }

  /** The same, with activations widened to float32. */
  public BatchPlan widened() {
    return new BatchPlan(columns, size, order, seed, true, filter);
  }

  /** The same, with only rows that pass {@code rows}. */
  public BatchPlan where(RowFilter rows) {
    return new BatchPlan(columns, size, order, seed, widen, rows);
  }
}

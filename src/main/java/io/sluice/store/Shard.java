package io.sluice.store;

import io.sluice.torch.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * One mapped file of a store: consecutive rows, each column one block of memory. The segments are
 * read-only views of the file itself, and stay valid as long as somebody holds them.
 */
public final class Shard {
  private final long firstRow;
  private final int rows;
  private final List<Column> columns;
  private final MemorySegment file;
  private final MemorySegment[] memory;

  Shard(long firstRow, int rows, List<Column> columns, MemorySegment file, MemorySegment[] memory) {
    this.firstRow = firstRow;
    this.rows = rows;
    this.columns = columns;
    this.file = file;
    this.memory = memory;
  }

  /** The store's number of this shard's first row. */
  public long firstRow() {
    return firstRow;
  }

  /** Rows in this shard, at least 1. */
  public int rows() {
    return rows;
  }

  /**
   * The memory of a column, read-only: {@code [rows, width]} of its dtype for a hook point, {@code
   * [rows]} int32 for a token column.
   *
   * @throws IllegalArgumentException if the store has no such column
   */
  public MemorySegment data(String column) {
    return memory[ActivationStore.indexOf(columns, column)];
  }

  /**
   * A column as a read-only tensor over the mapped file, without a copy: {@code [rows, width]}, or
   * {@code [rows]} for a token column. It belongs to the innermost open {@code TensorScope}.
   *
   * @throws IllegalArgumentException if the store has no such column
   */
  public Tensor tensor(String column) {
    int index = ActivationStore.indexOf(columns, column);
    return Batch.tensor(columns.get(index), memory[index], rows);
  }

  /** The memory of the whole file. */
  MemorySegment file() {
    return file;
  }

  /** The memory of the column at {@code index} among all columns, token columns first. */
  MemorySegment data(int index) {
    return memory[index];
  }
}

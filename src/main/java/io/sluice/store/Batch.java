package io.sluice.store;

import io.sluice.store.files.Column;
import io.sluice.store.names.NamedColumns;
import io.sluice.torch.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;

/**
 * Rows gathered from a store, one block of native memory per column, aligned to 64 bytes. The
 * memory is reused: its contents are valid until the next {@link Batches#next}.
 */
public final class Batch {
  private final List<Column> columns;
  private final MemorySegment[] memory;
  private final long[] rowNumbers;
  private int rows;

  Batch(List<Column> columns, MemorySegment[] memory, long[] rowNumbers) {
    this.columns = columns;
    this.memory = memory;
    this.rowNumbers = rowNumbers;
  }

  /** Rows in this batch: the plan's size, or fewer at the end of a sequential pass. */
  public int rows() {
    return rows;
  }

  /** The columns gathered, in the order of the plan, with the dtype that the memory has. */
  public List<Column> columns() {
    return columns;
  }

  /** The {@code column}-th column of the plan, {@code [rows, width]} of its dtype. */
  public MemorySegment data(int column) {
    MemorySegment all = memory[column];
    long bytes = (long) rows * columns.get(column).bytesPerRow();
    return bytes == all.byteSize() ? all : all.asSlice(0, bytes);
  }

  /**
   * The column of that name, {@code [rows, width]} of its dtype.
   *
   * @throws IllegalArgumentException if it was not asked for
   */
  public MemorySegment data(String column) {
    return data(NamedColumns.indexOf(columns, column));
  }

  /**
   * The column of that name as a tensor over the batch's memory, without a copy: {@code [rows,
   * width]}, or {@code [rows]} for a token column. It belongs to the innermost open {@code
   * TensorScope}, and shows the next batch once that is gathered.
   *
   * @throws IllegalArgumentException if the column was not asked for
   */
  public Tensor tensor(String column) {
    int index = NamedColumns.indexOf(columns, column);
    return tensor(columns.get(index), data(index), rows);
  }

  static Tensor tensor(Column column, MemorySegment data, int rows) {
    return column.isTokenColumn()
        ? Tensor.of(data, column.dtype(), rows)
        : Tensor.of(data, column.dtype(), rows, column.width());
  }

  /** The index in the store of the batch's row {@code index}. */
  public long rowNumber(int index) {
    return rowNumbers[Objects.checkIndex(index, rows)];
  }

  void rows(int count) {
    rows = count;
  }
}

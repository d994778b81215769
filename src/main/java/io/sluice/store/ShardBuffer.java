package io.sluice.store;

import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import io.sluice.store.files.ShardLayout;
import io.sluice.store.tables.TableFrame;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The rows of one shard in memory, in the Arrow buffers that go to the disk. Rows are reserved,
 * filled and committed, in this order. Not safe for use by several threads at a time, but for
 * {@link #fill}.
 */
final class ShardBuffer {
  /** The columns before those of activations. */
  private static final int TOKEN_COLUMNS = 3;

  private final ShardLayout layout;
  private final MemorySegment body;
  private int filled;
  private int reserved;

  /**
   * Memory for a full shard.
   *
   * @throws IllegalArgumentException if it is more than there is
   */
  ShardBuffer(ShardLayout layout) {
    this.layout = layout;
    this.body = allocate(layout);
  }

  private static MemorySegment allocate(ShardLayout layout) {
    try {
      // Collected memory: a tensor or vector made over a reserved row can outlive the writer, and
      // must never see unmapped memory.
      return Arena.ofAuto().allocate(layout.bodyBytes(), TableFrame.ALIGNMENT);
    } catch (OutOfMemoryError e) {
      throw new IllegalArgumentException(
          "a shard of "
              + layout.rows()
              + " rows takes "
              + layout.bodyBytes()
              + " bytes of memory beside the heap, more than this process may have; choose fewer rows"
              + " per shard, or start Java with a larger -Xmx or -XX:MaxDirectMemorySize",
          e);
    }
  }

  /** Rows committed. */
  int filled() {
    return filled;
  }

  boolean isFull() {
    return filled == layout.rows();
  }

  /** Forgets all rows, for those of another shard. */
  void clear() {
    filled = 0;
    reserved = 0;
  }

  /** The committed rows of each column, in the order of the layout. */
  MemorySegment[] columns() {
    MemorySegment[] columns = new MemorySegment[layout.columns().size()];
    for (int i = 0; i < columns.length; i++) {
      columns[i] = rows(i, 0, filled);
    }
    return columns;
  }

  /**
   * Offers up to {@code wanted} rows, as many as there is room for.
   *
   * @param shardStart the index in the store of the shard's first row
   */
  ReservedRows reserve(int wanted, long shardStart) {
    if (wanted < 1) {
      throw new IllegalArgumentException("cannot reserve " + wanted + " rows");
    }
    reserved = Math.min(wanted, layout.rows() - filled);
    List<MemorySegment> activations = new ArrayList<>();
    for (int i = TOKEN_COLUMNS; i < layout.columns().size(); i++) {
      activations.add(rows(i, filled, reserved));
    }
    return new ReservedRows(
        shardStart + filled,
        reserved,
        rows(ShardLayout.TOKEN_ID, filled, reserved),
        rows(ShardLayout.POSITION, filled, reserved),
        rows(ShardLayout.DOCUMENT_ID, filled, reserved),
        List.copyOf(activations));
  }

  /**
   * Fills all reserved rows from arrays that have been {@linkplain #checkSizes checked}.
   *
   * @param from the first row of the arrays to take
   */
  void fill(
      int from,
      int[] tokenIds,
      int[] positions,
      int[] documentIds,
      DType dtype,
      MemorySegment[] activations) {
    copy(tokenIds, from, ShardLayout.TOKEN_ID);
    copy(positions, from, ShardLayout.POSITION);
    copy(documentIds, from, ShardLayout.DOCUMENT_ID);
    for (int i = 0; i < activations.length; i++) {
      Column column = layout.columns().get(i + TOKEN_COLUMNS);
      MemorySegment target = rows(i + TOKEN_COLUMNS, filled, reserved);
      copy(activations[i], dtype, from, column, target, reserved);
    }
  }

  /**
   * Fills reserved rows of one column of activations. Several threads may do so at a time, for rows
   * of their own.
   *
   * @param index of the column among those of activations
   * @param first of the reserved rows
   * @param values {@code [count, width]} of the column's dtype, or of {@code F32}
   */
  void fill(int index, int first, int count, DType dtype, MemorySegment values) {
    Objects.checkFromIndexSize(first, count, reserved);
    Objects.checkIndex(index, layout.columns().size() - TOKEN_COLUMNS);
    Column column = layout.columns().get(index + TOKEN_COLUMNS);
    checkValues(column, count, dtype, values);
    copy(values, dtype, 0, column, rows(index + TOKEN_COLUMNS, filled + first, count), count);
  }

  /**
   * Takes the first {@code count} reserved rows. None stays reserved, also if this fails.
   *
   * @param rejects whether NaN and infinity are refused
   * @param shardStart as in {@link #reserve}, for messages
   * @param folder of the store, for messages
   * @throws IOException if an activation is not finite; the rows are then not taken
   * @throws IllegalArgumentException if fewer rows are reserved; they stay so
   */
  void commit(int count, boolean rejects, long shardStart, Path folder) throws IOException {
    if (count < 0 || count > reserved) {
      throw new IllegalArgumentException("commit of " + count + " rows, reserved " + reserved);
    }
    reserved = 0;
    if (rejects) {
      requireFinite(count, shardStart, folder);
    }
    filled += count;
  }

  private void requireFinite(int count, long shardStart, Path folder) throws IOException {
    for (int i = TOKEN_COLUMNS; i < layout.columns().size(); i++) {
      Column column = layout.columns().get(i);
      MemorySegment memory = rows(i, filled, count);
      long index = Elements.firstNonFinite(memory, column.dtype());
      if (index >= 0) {
        throw new IOException(
            folder
                + ": column '"
                + column.name()
                + "', row "
                + (shardStart + filled + index / column.width())
                + ", element "
                + index % column.width()
                + " is "
                + Elements.get(memory, column.dtype(), index)
                + " as "
                + column.dtype().label()
                + "; look at the model or its input, choose a wider dtype, or keep such values on"
                + " purpose");
      }
    }
  }

  /**
   * Refuses arrays that do not have the same number of rows, or not the columns' widths.
   *
   * @throws IllegalArgumentException with both numbers
   */
  void checkSizes(
      int rows, int[] positions, int[] documentIds, DType dtype, MemorySegment[] activations) {
    if (positions.length != rows || documentIds.length != rows) {
      throw new IllegalArgumentException(
          rows
              + " token ids, but "
              + positions.length
              + " positions and "
              + documentIds.length
              + " document ids");
    }
    int columns = layout.columns().size() - TOKEN_COLUMNS;
    if (activations.length != columns) {
      throw new IllegalArgumentException(
          activations.length + " activation blocks for " + columns + " columns");
    }
    for (int i = 0; i < activations.length; i++) {
      checkValues(layout.columns().get(i + TOKEN_COLUMNS), rows, dtype, activations[i]);
    }
  }

  private static void checkValues(Column column, int rows, DType dtype, MemorySegment values) {
    if (dtype != DType.F32 && dtype != column.dtype()) {
      throw new IllegalArgumentException(
          "column '"
              + column.name()
              + "' is "
              + column.dtype().label()
              + ", the activations are "
              + dtype.label());
    }
    long bytes = (long) rows * column.width() * dtype.bytes();
    if (values.byteSize() != bytes) {
      throw new IllegalArgumentException(
          "column '"
              + column.name()
              + "': "
              + values.byteSize()
              + " bytes for "
              + rows
              + " rows of "
              + column.width()
              + " "
              + dtype.label()
              + ", expected "
              + bytes);
    }
  }

  private MemorySegment rows(int column, int first, int count) {
    long bytes = layout.columns().get(column).bytesPerRow();
    return body.asSlice(layout.offset(column) + first * bytes, count * bytes);
  }

  private void copy(int[] source, int from, int column) {
    MemorySegment target = rows(column, filled, reserved);
    MemorySegment.copy(source, from, target, ValueLayout.JAVA_INT, 0, reserved);
  }

  private static void copy(
      MemorySegment source, DType dtype, int from, Column column, MemorySegment target, int count) {
    long stride = (long) column.width() * dtype.bytes();
    if (dtype == column.dtype()) {
      MemorySegment.copy(source, from * stride, target, 0, count * stride);
      return;
    }
    for (int row = 0; row < count; row++) {
      long at = (long) row * column.bytesPerRow();
      Elements.narrow(source, (from + row) * stride, target, at, column.dtype(), column.width());
    }
  }
}

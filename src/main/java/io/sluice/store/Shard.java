package io.sluice.store;

import io.sluice.store.files.Column;
import io.sluice.store.files.ShardBlock;
import io.sluice.store.files.ShardLayout;
import io.sluice.store.names.NamedColumns;
import io.sluice.store.tables.TableFrame;
import io.sluice.torch.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;

/**
 * Consecutive rows of a store, each column one block: one record batch of a file. A file that
 * Sluice wrote has one, those of other writers may have several. If the file is mapped, segments
 * are read-only views of it and stay valid while they are reachable; otherwise each call makes a
 * copy.
 *
 * <p>A file of another writer may lack token columns; their numbers are then {@value #UNKNOWN} in
 * every row. In a store of which only some files are here, the others have rows and no data.
 */
public final class Shard {
  /** The token id, position or document number of a row of a store without such a column. */
  public static final int UNKNOWN = -1;

  private static final int PIECE_BYTES = 1 << 22;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Place place;
  private final long firstRow;
  private final int rows;
  private final List<Column> columns;
  private final long[] offsets; // null: not here
  private final boolean[] wide;
  private final MemorySegment[] memory; // null: copied
  private final OpenFiles files;

  /**
   * A file as it was when it was opened.
   *
   * @param number its place among the store's files
   * @param identity the system's key of the file; null if it has none
   */
  record Place(int number, Path path, long bytes, Object identity) {}

  /**
   * A shard.
   *
   * @param block its rows, and the offset of each of {@code columns} in the file
   * @param mapped the whole file; null to read it by copying
   * @param files the open files for copying
   */
  Shard(
      Place place,
      long firstRow,
      ShardBlock block,
      List<Column> columns,
      MemorySegment mapped,
      OpenFiles files) {
    this.place = place;
    this.firstRow = firstRow;
    this.rows = block.rows();
    this.columns = columns;
    this.offsets = block.offsets();
    this.wide = block.wide();
    this.files = files;
    this.memory = mapped == null ? null : new MemorySegment[offsets.length];
    for (int i = 0; mapped != null && i < offsets.length; i++) {
      memory[i] = has(i) ? mapped.asSlice(offsets[i], stored(i, rows)) : null;
    }
  }

  /** A shard whose file is not here; it has all columns. */
  Shard(int number, Path path, long firstRow, int rows, List<Column> columns) {
    this.place = new Place(number, path, 0, null);
    this.firstRow = firstRow;
    this.rows = rows;
    this.columns = columns;
    this.offsets = null;
    this.wide = null;
    this.files = null;
    this.memory = null;
  }

  /** Closes the open files of its store. */
  void closeFiles() throws IOException {
    if (files != null) {
      files.close();
    }
  }

  /** Whether the file has the column at {@code index}. */
  boolean has(int index) {
    return offsets == null || offsets[index] != ShardBlock.ABSENT;
  }

  /** The number of the file that this shard is a part of, from 0, in the order of the manifest. */
  int file() {
    return place.number;
  }

  /** The file that this shard is a part of. */
  Path path() {
    return place.path;
  }

  /** The index in the store of this shard's first row. */
  public long firstRow() {
    return firstRow;
  }

  /** Rows in this shard, at least 1. */
  public int rows() {
    return rows;
  }

  /**
   * The memory of a column, read-only: {@code [rows, width]} of its dtype for a hook point, {@code
   * [rows]} int32 for a token column; {@link #UNKNOWN} in all rows of one that the file lacks.
   *
   * @throws IllegalArgumentException if the store has no such column
   * @throws UncheckedIOException if the file was truncated after it was opened, or the column is
   *     copied and cannot be read
   */
  public MemorySegment data(String column) {
    int index = NamedColumns.indexOf(columns, column);
    try {
      return data(index, 0, rows);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The memory of some rows of a column, read-only, {@code [to - from, width]}.
   *
   * @param from the first row, counted within the shard
   * @param to the end, exclusive
   * @throws IOException if the file was cut short since it was opened, or cannot be read
   * @throws IllegalArgumentException if the store has no such column
   */
  public MemorySegment data(String column, int from, int to) throws IOException {
    Objects.checkFromToIndex(from, to, rows);
    return data(NamedColumns.indexOf(columns, column), from, to);
  }

  /**
   * A column as a read-only tensor, {@code [rows, width]}, or {@code [rows]} for a token column;
   * over the file itself, without a copy, if it is mapped. It belongs to the innermost open {@code
   * TensorScope}.
   *
   * @throws IllegalArgumentException if the store has no such column
   * @throws UncheckedIOException as {@link #data(String)}
   */
  public Tensor tensor(String column) {
    Column of = columns.get(NamedColumns.indexOf(columns, column));
    return Batch.tensor(of, data(column), rows);
  }

  /**
   * Which rows of the shard pass a filter, of which a store may leave some out.
   *
   * @throws IOException if the file was cut short since it was opened, or cannot be read
   */
  BitSet kept(RowFilter filter) throws IOException {
    BitSet kept = new BitSet(rows);
    if (filter == RowFilter.ALL) {
      kept.set(0, rows);
      return kept;
    }
    int[] tokens = numbers(ShardLayout.TOKEN_ID);
    int[] positions = numbers(ShardLayout.POSITION);
    int[] documents = numbers(ShardLayout.DOCUMENT_ID);
    for (int i = 0; i < rows; i++) {
      kept.set(i, filter.keep(firstRow + i, tokens[i], positions[i], documents[i]));
    }
    return kept;
  }

  /**
   * The error to report if reading the memory of this shard failed: the JVM turns the signal for a
   * mapped page without bytes into an {@code InternalError}.
   *
   * @return an exception with one line that names the file
   * @throws InternalError {@code e} itself, if it is of another kind
   */
  public IOException unreadable(InternalError e) {
    if (!isFault(e)) {
      throw e;
    }
    try {
      requireWhole();
    } catch (IOException cutShort) {
      return cutShort;
    }
    return new IOException(
        place.path
            + ": the system could not read it where it is mapped; look at the disk, or read the"
            + " store by copying",
        e);
  }

  /** Whether an error comes from the signal for a mapped page without bytes. */
  static boolean isFault(InternalError e) {
    for (Throwable t = e; t != null; t = t.getCause()) {
      if (String.valueOf(t.getMessage()).contains("unsafe memory access")) {
        return true;
      }
    }
    return false;
  }

  /** Whether segments are views of the file; true where there is none. */
  boolean isMapped() {
    return memory != null || offsets == null;
  }

  /** Whether the file is here, as it is for all shards of a store that was opened as a whole. */
  public boolean isHere() {
    return offsets != null;
  }

  private void requireHere() {
    if (offsets == null) {
      throw new IllegalStateException(
          place.path + ": is not here: this store was opened without this shard");
    }
  }

  /** The memory of the column at {@code index} of a mapped shard, token columns first. */
  MemorySegment mapped(int index) throws IOException {
    requireHere();
    return wide[index] ? data(index, 0, rows) : memory[index];
  }

  /**
   * Checks that a mapped file still has all its bytes. A deleted or replaced file keeps them while
   * it is mapped.
   *
   * @throws IOException if it was truncated
   */
  void requireWhole() throws IOException {
    if (memory == null) {
      return;
    }
    BasicFileAttributes now;
    try {
      now = Files.readAttributes(place.path, BasicFileAttributes.class);
    } catch (NoSuchFileException e) {
      return;
    }
    if (now.size() < place.bytes && Objects.equals(now.fileKey(), place.identity)) {
      throw new IOException(
          place.path
              + ": was truncated while the store is open: it has "
              + now.size()
              + " of "
              + place.bytes
              + " bytes; restore it or capture again");
    }
  }

  /** Rows of the column at {@code index}; the length of a mapped file is checked first. */
  MemorySegment data(int index, int from, int to) throws IOException {
    requireHere();
    long start = bytes(index, from);
    long length = bytes(index, to) - start;
    if (wide[index]) {
      MemorySegment numbers = Arena.ofAuto().allocate(length, TableFrame.ALIGNMENT);
      return numbers.copyFrom(MemorySegment.ofArray(narrowed(index, from, to))).asReadOnly();
    }
    if (!has(index)) {
      return Arena.ofAuto().allocate(length, TableFrame.ALIGNMENT).fill((byte) UNKNOWN);
    }
    if (memory != null) {
      requireWhole();
      return memory[index].asSlice(start, length);
    }
    MemorySegment copy;
    try {
      copy = Arena.ofAuto().allocate(length, TableFrame.ALIGNMENT);
    } catch (OutOfMemoryError e) {
      throw new IOException(
          "%s: column '%s' of this shard takes %d bytes, more than this process may have; give it more memory, or read the store mapped"
              .formatted(place.path, columns.get(index).name(), length),
          e);
    }
    files.read(place.path, offsets[index] + start, copy);
    return copy.asReadOnly();
  }

  /**
   * Reads a column of activations once.
   *
   * @throws IOException if a value is NaN or infinite, or cannot be read; the message names file,
   *     column, row and element
   */
  void requireFinite(int index) throws IOException {
    Column column = columns.get(index);
    int piece = Math.max(1, PIECE_BYTES / column.bytesPerRow());
    for (int from = 0; from < rows; from += Math.min(piece, rows - from)) {
      MemorySegment values = data(index, from, from + Math.min(piece, rows - from));
      try {
        long found = Elements.firstNonFinite(values, column.dtype());
        if (found >= 0) {
          throw new IOException(
              "%s: column '%s', row %d, element %d is %s; write the file again without it, or leave this check out with --no-verify"
                  .formatted(
                      place.path,
                      column.name(),
                      firstRow + from + found / column.width(),
                      found % column.width(),
                      Elements.get(values, column.dtype(), found)));
        }
      } catch (InternalError e) {
        throw unreadable(e);
      }
    }
  }

  /** All of a token column. */
  int[] numbers(int index) throws IOException {
    requireHere();
    if (!has(index)) {
      int[] unknown = new int[rows];
      Arrays.fill(unknown, UNKNOWN);
      return unknown;
    }
    if (wide[index]) {
      return narrowed(index, 0, rows);
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment stored = memory == null ? arena.allocate(bytes(index, rows), 4) : memory[index];
      requireWhole();
      if (memory == null) {
        copy(index, 0, rows, stored, 0);
      }
      return stored.toArray(ValueLayout.JAVA_INT);
    } catch (InternalError e) {
      throw unreadable(e);
    }
  }

  /** Copies rows of the column at {@code index} to memory, in their stored dtype. */
  void copy(int index, int from, int count, MemorySegment target, long at) throws IOException {
    requireHere();
    long start = bytes(index, from);
    long length = bytes(index, from + count) - start;
    if (wide[index]) {
      int[] numbers = narrowed(index, from, from + count);
      MemorySegment.copy(numbers, 0, target, ValueLayout.JAVA_INT_UNALIGNED, at, count);
    } else if (memory == null) {
      files.read(place.path, offsets[index] + start, target.asSlice(at, length));
    } else {
      MemorySegment.copy(memory[index], start, target, at, length);
    }
  }

  /** Rows of a token column of int64 as int32. */
  private int[] narrowed(int index, int from, int to) throws IOException {
    int[] numbers = new int[to - from];
    try (Arena arena = Arena.ofConfined()) {
      long start = stored(index, from);
      MemorySegment source;
      if (memory == null) {
        source = arena.allocate(stored(index, to) - start, Long.BYTES);
        files.read(place.path, offsets[index] + start, source);
      } else {
        requireWhole();
        source = memory[index].asSlice(start);
      }
      for (int i = 0; i < numbers.length; i++) {
        long number = source.getAtIndex(LONG, i);
        if (number != (int) number) {
          throw new IOException(
              "%s: column '%s', row %d is %d, more than int32 holds; write other numbers"
                  .formatted(place.path, columns.get(index).name(), firstRow + from + i, number));
        }
        numbers[i] = (int) number;
      }
    } catch (InternalError e) {
      throw unreadable(e);
    }
    return numbers;
  }

  /** Bytes that rows take in the file. */
  private long stored(int index, int count) {
    return wide[index] ? (long) Long.BYTES * count : bytes(index, count);
  }

  private long bytes(int index, int count) {
    return (long) columns.get(index).bytesPerRow() * count;
  }
}

package io.sluice.store.tables;

import io.sluice.store.tables.TableColumn.Element;
import io.sluice.store.tables.TableColumn.Shape;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * The values of a column of a mapped table, by row. Methods for lists and texts throw an {@link
 * UncheckedIOException} with a line that names the file if an offset in it leads out of the column.
 */
public final class Cells {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final Path file;
  private final TableColumn column;
  private final long rows;
  private final long rowsPerBatch;
  private final List<Part> parts;

  /**
   * A column within a record batch.
   *
   * @param validity a bit for each row; null if no value is missing
   * @param offsets where each list or text begins; null for other columns
   * @param data the values
   */
  record Part(MemorySegment validity, MemorySegment offsets, MemorySegment data) {}

  Cells(Path file, TableColumn column, long rows, long rowsPerBatch, List<Part> parts) {
    this.file = file;
    this.column = column;
    this.rows = rows;
    this.rowsPerBatch = rowsPerBatch;
    this.parts = parts;
  }

  /** The column. */
  public TableColumn column() {
    return column;
  }

  /** Whether the value of a row is missing. */
  public boolean isNull(long row) {
    MemorySegment validity = part(row).validity;
    return validity != null && !bit(validity, at(row));
  }

  /** A whole number, of any of the types; one without a sign is not negative. */
  public long whole(long row) {
    require(column.shape() == Shape.SINGLE);
    MemorySegment data = part(row).data;
    long at = at(row);
    return switch (column.element()) {
      case UINT8 -> Byte.toUnsignedLong(data.get(ValueLayout.JAVA_BYTE, at));
      case INT32 -> data.get(INT, at * Integer.BYTES);
      case UINT32 -> Integer.toUnsignedLong(data.get(INT, at * Integer.BYTES));
      case INT64 -> data.get(LONG, at * Long.BYTES);
      default -> throw wrongType();
    };
  }

  /** A number in single precision; NaN if it is missing. */
  public float real(long row) {
    require(column.shape() == Shape.SINGLE && column.element() == Element.FLOAT32);
    return isNull(row) ? Float.NaN : part(row).data.get(FLOAT, at(row) * Float.BYTES);
  }

  /** A truth value. */
  public boolean flag(long row) {
    require(column.element() == Element.BOOL);
    return bit(part(row).data, at(row));
  }

  /** A text. */
  public String text(long row) {
    require(column.element() == Element.UTF8);
    MemorySegment bytes = slice(row);
    return new String(bytes.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
  }

  /** A list of whole numbers; those without a sign of 32 bits keep their bits. */
  public int[] wholes(long row) {
    require(column.hasChild() && column.element() != Element.FLOAT32);
    MemorySegment values = slice(row);
    return switch (column.element()) {
      case UINT8 -> {
        int[] wide = new int[(int) values.byteSize()];
        for (int i = 0; i < wide.length; i++) {
          wide[i] = Byte.toUnsignedInt(values.get(ValueLayout.JAVA_BYTE, i));
        }
        yield wide;
      }
      case INT32, UINT32 -> values.toArray(INT);
      default -> throw wrongType();
    };
  }

  /** A list of numbers in single precision. */
  public float[] reals(long row) {
    require(column.hasChild() && column.element() == Element.FLOAT32);
    return slice(row).toArray(FLOAT);
  }

  /** All values of a column of single numbers in single precision; NaN where one is missing. */
  public float[] allReals() {
    require(column.shape() == Shape.SINGLE && column.element() == Element.FLOAT32);
    float[] all = new float[Math.toIntExact(rows)];
    int first = 0;
    for (Part part : parts) {
      int count = (int) Math.min(rowsPerBatch, rows - first);
      MemorySegment.copy(part.data, FLOAT, 0, all, first, count);
      for (int i = 0; part.validity != null && i < count; i++) {
        if (!bit(part.validity, i)) {
          all[first + i] = Float.NaN;
        }
      }
      first += count;
    }
    return all;
  }

  private MemorySegment slice(long row) {
    Part part = part(row);
    long at = at(row);
    int bytes = column.element().bytes();
    if (part.offsets == null) {
      long length = (long) column.size() * bytes;
      return part.data.asSlice(at * length, length);
    }
    long from = part.offsets.get(INT, at * Integer.BYTES);
    long to = part.offsets.get(INT, (at + 1) * Integer.BYTES);
    if (from < 0 || from > to || to * bytes > part.data.byteSize()) {
      throw new UncheckedIOException(
          new IOException(
              "%s: damaged: row %d of column '%s' has the elements from %d to %d, and there are %d; write the file again"
                  .formatted(file, row, column.name(), from, to, part.data.byteSize() / bytes)));
    }
    return part.data.asSlice(from * bytes, (to - from) * bytes);
  }

  private Part part(long row) {
    Objects.checkIndex(row, rows);
    return parts.get((int) (row / rowsPerBatch));
  }

  private long at(long row) {
    return row % rowsPerBatch;
  }

  private static boolean bit(MemorySegment bits, long at) {
    return (bits.get(ValueLayout.JAVA_BYTE, at >> 3) >> (at & 7) & 1) != 0;
  }

  private void require(boolean fits) {
    if (!fits) {
      throw wrongType();
    }
  }

  private IllegalArgumentException wrongType() {
    return new IllegalArgumentException("column '" + column.name() + "' is " + column);
  }
}

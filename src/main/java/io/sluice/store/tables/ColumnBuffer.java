package io.sluice.store.tables;

import io.sluice.store.tables.TableColumn.Element;
import io.sluice.store.tables.TableColumn.Shape;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The values of one column for the rows that are not written yet; each row is put once. */
public final class ColumnBuffer {
  private final TableColumn column;
  private final boolean offsets;
  private ByteBuffer data = ByteBuffer.allocate(1 << 12).order(ByteOrder.LITTLE_ENDIAN);
  private int[] ends = new int[64];
  private boolean[] flags = new boolean[64]; // Missing values; truth values have their own.
  private boolean[] truths = new boolean[0];
  private int rows;
  private int nulls;

  ColumnBuffer(TableColumn column) {
    this.column = column;
    this.offsets = column.hasOffsets();
  }

  /** Puts a whole number, in the column's type. */
  public void put(long value) {
    require(column.shape() == Shape.SINGLE);
    room(Long.BYTES);
    switch (column.element()) {
      case UINT8 -> data.put((byte) inRange(value, 0, 255));
      case INT32 -> data.putInt((int) inRange(value, Integer.MIN_VALUE, Integer.MAX_VALUE));
      case UINT32 -> data.putInt((int) inRange(value, 0, (1L << 32) - 1));
      case INT64 -> data.putLong(value);
      default -> require(false);
    }
    endRow(false);
  }

  /** Puts a number in single precision. */
  public void put(float value) {
    require(column.shape() == Shape.SINGLE && column.element() == Element.FLOAT32);
    room(Float.BYTES);
    data.putFloat(value);
    endRow(false);
  }

  /** Puts a truth value. */
  public void put(boolean value) {
    require(column.element() == Element.BOOL);
    if (rows >= truths.length) {
      truths = Arrays.copyOf(truths, Math.max(64, 2 * rows));
    }
    truths[rows] = value;
    endRow(false);
  }

  /** Puts a text. */
  public void put(String value) {
    require(column.element() == Element.UTF8);
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    room(bytes.length);
    data.put(bytes);
    endRow(false);
  }

  /** Puts a missing value. */
  public void putNull() {
    require(column.nullable());
    if (column.element() == Element.BOOL) {
      put(false);
      rows--;
    } else if (column.element() != Element.UTF8) {
      room(column.element().bytes());
      data.position(data.position() + column.element().bytes());
    }
    nulls++;
    endRow(true);
  }

  /** Puts a list of whole numbers, in the column's type. */
  public void put(int[] values) {
    put(values, 0, values.length);
  }

  /** Puts some of {@code values} as a list of whole numbers, in the column's type. */
  public void put(int[] values, int from, int count) {
    requireList(count, column.element() != Element.FLOAT32);
    room(Math.multiplyExact(count, Integer.BYTES));
    for (int i = from; i < from + count; i++) {
      if (column.element() == Element.UINT8) {
        data.put((byte) inRange(values[i], 0, 255));
      } else {
        data.putInt(values[i]);
      }
    }
    endRow(false);
  }

  /** Puts a list of numbers in single precision. */
  public void put(float[] values) {
    put(values, 0, values.length);
  }

  /** Puts some of {@code values} as a list of numbers in single precision. */
  public void put(float[] values, int from, int count) {
    requireList(count, column.element() == Element.FLOAT32);
    room(Math.multiplyExact(count, Float.BYTES));
    data.asFloatBuffer().put(values, from, count);
    data.position(data.position() + count * Float.BYTES);
    endRow(false);
  }

  /** Rows put since the last batch. */
  int rows() {
    return rows;
  }

  /** Missing values among them. */
  int nulls() {
    return nulls;
  }

  /** Elements of all lists, or values. */
  long elements() {
    int bytes = column.element().bytes();
    return bytes == 0 ? rows : data.position() / bytes;
  }

  /** The buffers of this column in Arrow's order, each from position 0 to its limit. */
  List<ByteBuffer> buffers() {
    List<ByteBuffer> buffers = new ArrayList<>();
    buffers.add(nulls == 0 ? ByteBuffer.allocate(0) : bits(flags, true));
    if (offsets) {
      buffers.add(offsets());
    }
    if (column.hasChild()) {
      buffers.add(ByteBuffer.allocate(0));
    }
    buffers.add(column.element() == Element.BOOL ? bits(truths, false) : data.duplicate().flip());
    return buffers;
  }

  /** Begins the next batch. */
  void clear() {
    data.clear();
    rows = 0;
    nulls = 0;
  }

  private ByteBuffer offsets() {
    ByteBuffer offsets =
        ByteBuffer.allocate((rows + 1) * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(0);
    for (int row = 0; row < rows; row++) {
      offsets.putInt(ends[row]);
    }
    return offsets.flip();
  }

  private ByteBuffer bits(boolean[] values, boolean inverted) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream((rows + 7) / 8);
    for (int row = 0; row < rows; row += 8) {
      int bits = 0;
      for (int bit = 0; bit < 8 && row + bit < rows; bit++) {
        bits |= (values[row + bit] != inverted ? 1 : 0) << bit;
      }
      bytes.write(bits);
    }
    return ByteBuffer.wrap(bytes.toByteArray());
  }

  private void endRow(boolean missing) {
    if (rows >= ends.length) {
      ends = Arrays.copyOf(ends, 2 * rows);
      flags = Arrays.copyOf(flags, 2 * rows);
    }
    if (offsets) { // Only these end at different places; a division for each value would show.
      ends[rows] = (int) elements();
    }
    flags[rows] = missing;
    rows++;
  }

  private void room(int bytes) {
    if (data.remaining() < bytes) {
      long wanted = Math.max(2L * data.capacity(), (long) data.position() + bytes);
      if (wanted > Integer.MAX_VALUE - 8) {
        throw new IllegalArgumentException(
            "column '" + column.name() + "': a record batch holds at most 2 GiB; make it smaller");
      }
      data = ByteBuffer.allocate((int) wanted).order(ByteOrder.LITTLE_ENDIAN).put(data.flip());
    }
  }

  private void requireList(int count, boolean fits) {
    require(column.hasChild() && fits);
    if (column.shape() == Shape.FIXED_LIST && count != column.size()) {
      throw new IllegalArgumentException(
          "column '%s' has lists of %d, not of %d".formatted(column.name(), column.size(), count));
    }
  }

  private void require(boolean fits) {
    if (!fits) {
      throw new IllegalArgumentException("column '" + column.name() + "' is " + column);
    }
  }

  private long inRange(long value, long least, long most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          "column '%s' holds %d to %d, not %d".formatted(column.name(), least, most, value));
    }
    return value;
  }
}

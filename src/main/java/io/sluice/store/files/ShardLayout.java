package io.sluice.store.files;

import io.sluice.memory.DType;
import io.sluice.store.tables.TableFrame;
import java.util.ArrayList;
import java.util.List;

/**
 * The offsets of a shard's columns in the body of its one record batch. Every column is one buffer
 * without gaps, and starts at a multiple of 64 bytes, so that vector loads of mapped memory are
 * aligned.
 */
public final class ShardLayout {
  /** Place of the token ids among all columns. */
  public static final int TOKEN_ID = 0;

  /** Place of the positions among all columns. */
  public static final int POSITION = 1;

  /** Place of the document numbers among all columns. */
  public static final int DOCUMENT_ID = 2;

  private static final List<Column> TOKEN_COLUMNS =
      List.of(
          new Column(Column.TOKEN_ID, 1, DType.I32),
          new Column(Column.POSITION, 1, DType.I32),
          new Column(Column.DOCUMENT_ID, 1, DType.I32));

  private final List<Column> columns;
  private final int rows;
  private final long[] offsets;
  private final long bodyBytes;

  /** The layout for {@code rows} rows of {@link #allColumns} columns. */
  public ShardLayout(List<Column> columns, int rows) {
    this.columns = columns;
    this.rows = rows;
    this.offsets = new long[columns.size()];
    long end = 0;
    for (int i = 0; i < offsets.length; i++) {
      offsets[i] = end;
      end = TableFrame.align(Math.addExact(end, bytes(i)));
    }
    this.bodyBytes = end;
  }

  /** The token columns, then the activation columns: the order of fields in the files. */
  public static List<Column> allColumns(List<Column> activations) {
    List<Column> all = new ArrayList<>(TOKEN_COLUMNS);
    all.addAll(activations);
    return List.copyOf(all);
  }

  public List<Column> columns() {
    return columns;
  }

  public int rows() {
    return rows;
  }

  /** The offset of column {@code i} in the body. */
  public long offset(int i) {
    return offsets[i];
  }

  /** Bytes of column {@code i}, without padding. */
  long bytes(int i) {
    return Math.multiplyExact((long) columns.get(i).bytesPerRow(), rows);
  }

  /** Bytes of the body, padding included. */
  public long bodyBytes() {
    return bodyBytes;
  }
}

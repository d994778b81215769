package io.sluice.simd.batch;

import io.sluice.memory.ScratchArrays;
import java.util.Objects;

/**
 * Sparse rows that an encoder fills: row {@code r} owns the entries {@code [offset(r), offset(r +
 * 1))}, in ascending order of feature. The memory is kept from batch to batch and grows when a
 * batch needs more.
 */
public final class SparseRows {
  private int rows;
  private int[] offsets = new int[1];
  private int[] features = new int[0];
  private float[] values = new float[0];

  /** Makes room and sets the number of rows; the caller fills the arrays. */
  void begin(int rowCount, int entries) {
    rows = rowCount;
    offsets = ScratchArrays.atLeast(offsets, rowCount + 1);
    features = ScratchArrays.atLeast(features, entries);
    values = ScratchArrays.atLeast(values, entries);
  }

  int[] offsets() {
    return offsets;
  }

  /** Rows of the last batch. */
  public int rows() {
    return rows;
  }

  /** Entries of all rows together. */
  public int entries() {
    return offsets[rows];
  }

  /** Where row {@code row}'s entries begin; {@code row} may equal {@link #rows()}. */
  public int offset(int row) {
    return offsets[Objects.checkIndex(row, rows + 1)];
  }

  /** The entries' features: the array itself, at least {@link #entries()} long. */
  public int[] features() {
    return features;
  }

  /** The entries' values: the array itself, at least {@link #entries()} long. */
  public float[] values() {
    return values;
  }
}

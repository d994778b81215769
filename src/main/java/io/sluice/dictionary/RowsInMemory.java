package io.sluice.dictionary;

import io.sluice.memory.MappedPages;
import java.lang.foreign.MemorySegment;

/** The rows of a matrix in memory, or in a mapped file. */
record RowsInMemory(MemorySegment matrix, int width) implements WeightRows {
  @Override
  public void read(int first, MemorySegment rows) {
    MappedPages.copy(matrix.asSlice((long) first * width * Float.BYTES, rows.byteSize()), rows);
  }
}

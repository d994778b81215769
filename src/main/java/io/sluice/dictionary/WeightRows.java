package io.sluice.dictionary;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A weight matrix of a dictionary of which some rows at a time are read, converted from where they
 * are. So a large dictionary is saved or converted without a second copy of it in memory.
 */
@FunctionalInterface
public interface WeightRows {
  /** Bytes of the pieces in which whole matrices are read. */
  long PIECE = 16L << 20;

  /**
   * Reads rows; any number of times, and in any order.
   *
   * @param first the first row
   * @param rows float32 {@code [count, width]}, overwritten
   * @throws IOException if a value is not finite, or would be beyond float32; the message names it
   */
  void read(int first, MemorySegment rows) throws IOException;

  /** The rows of a matrix in memory. */
  static WeightRows of(MemorySegment matrix, int width) {
    return new RowsInMemory(matrix, width);
  }

  /** Changes rows in place. */
  @FunctionalInterface
  interface Change {
    /**
     * Changes rows.
     *
     * @param first the first row
     * @param rows float32 {@code [count, width]}
     */
    void apply(int first, MemorySegment rows) throws IOException;
  }

  /** These rows, changed after they are read. */
  default WeightRows then(Change change) {
    return (first, rows) -> {
      read(first, rows);
      change.apply(first, rows);
    };
  }

  /**
   * These rows; if they cannot be converted, the message of the error begins with {@code named}.
   */
  default WeightRows failingAs(String named) {
    if (this instanceof RowsInMemory) {
      return this;
    }
    return (first, rows) -> {
      try {
        read(first, rows);
      } catch (IllegalArgumentException e) {
        throw new IOException(named + e.getMessage(), e);
      }
    };
  }

  /**
   * Reads all rows, some at a time.
   *
   * @param count the number of rows
   * @param width of a row
   * @param piece takes rows, which are good until it returns
   */
  default void forPieces(int count, int width, Change piece) throws IOException {
    long rowBytes = (long) width * Float.BYTES;
    int most = Math.clamp(PIECE / rowBytes, 1, count);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment scratch = arena.allocate(most * rowBytes, 64);
      for (long first = 0; first < count; first += most) {
        MemorySegment rows = scratch.asSlice(0, Math.min(most, count - first) * rowBytes);
        read((int) first, rows);
        piece.apply((int) first, rows);
      }
    }
  }
}

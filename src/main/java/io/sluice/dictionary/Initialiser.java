package io.sluice.dictionary;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The initial directions of a dictionary's features. Initialisers draw decoder rows of unit length;
 * {@link NormSearch} then finds their common length.
 */
public sealed interface Initialiser {
  /** Width of the rows that this initialiser draws. */
  int width();

  /**
   * Draws {@code features} rows of unit length. The same seed gives the same rows.
   *
   * @param rows float32 {@code [features, width]}, overwritten
   */
  default void drawUnitRows(MemorySegment rows, int features, long seed) {
    long bytes = (long) features * width() * Float.BYTES;
    if (rows.byteSize() != bytes) {
      throw new IllegalArgumentException(
          "%d rows of width %d take %d bytes, not %d"
              .formatted(features, width(), bytes, rows.byteSize()));
    }
    unitRows(seed).next(rows);
  }

  /** Rows of unit length, drawn a piece at a time. */
  interface UnitRows {
    /**
     * Draws the rows that follow those drawn before.
     *
     * @param rows float32 {@code [count, width]}, overwritten
     */
    void next(MemorySegment rows);
  }

  /** The rows of {@link #drawUnitRows}, a piece at a time, however large the pieces are. */
  UnitRows unitRows(long seed);

  /**
   * Directions uniform on the sphere of the whole space.
   *
   * @param width d
   */
  record RandomDirections(int width) implements Initialiser {
    @Override
    public UnitRows unitRows(long seed) {
      RowDraws draws = new RowDraws(seed);
      return rows ->
          draws.next(
              count(rows, width),
              (place, random) -> {
                float[] row = new float[width];
                for (int i = 0; i < width; i++) {
                  row[i] = (float) random.nextGaussian();
                }
                store(row, rows, place);
              });
    }
  }

  /**
   * Active-subspace initialisation (arXiv 2508.16929): {@code W_D = R·Vᵀ} with {@code R} drawn from
   * U(−1, 1), so that every feature starts inside the active subspace.
   *
   * @param basis {@code Vᵀ}, {@code [dimensions, width]}, row after row: orthonormal directions
   * @param dimensions d_init, the number of directions in the basis
   * @param width d
   */
  record ActiveSubspace(float[] basis, int dimensions, int width) implements Initialiser {
    public ActiveSubspace {
      if (dimensions < 1 || dimensions > width) {
        throw new IllegalArgumentException(
            "d_init must lie between 1 and the width " + width + ", not " + dimensions);
      }
      if (basis.length != (long) dimensions * width) {
        throw new IllegalArgumentException(
            "a basis of %d directions of width %d has %d values, not %d"
                .formatted(dimensions, width, (long) dimensions * width, basis.length));
      }
      basis = basis.clone();
    }

    @Override
    public UnitRows unitRows(long seed) {
      RowDraws draws = new RowDraws(seed);
      return rows ->
          draws.next(
              count(rows, width),
              (place, random) -> {
                float[] row = new float[width];
                for (int direction = 0; direction < dimensions; direction++) {
                  float weight = (float) random.nextDouble(-1, 1);
                  int start = direction * width;
                  for (int i = 0; i < width; i++) {
                    row[i] += weight * basis[start + i];
                  }
                }
                store(row, rows, place);
              });
    }
  }

  private static int count(MemorySegment rows, int width) {
    return Math.toIntExact(rows.byteSize() / ((long) width * Float.BYTES));
  }

  private static void store(float[] row, MemorySegment rows, int place) {
    double sum = 0;
    for (float value : row) {
      sum += (double) value * value;
    }
    float scale = (float) (1 / Math.sqrt(sum));
    long start = (long) place * row.length;
    for (int i = 0; i < row.length; i++) {
      rows.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, start + i, scale * row[i]);
    }
  }
}

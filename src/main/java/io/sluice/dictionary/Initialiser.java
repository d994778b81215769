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
  void drawUnitRows(MemorySegment rows, int features, long seed);

  /**
   * Directions uniform on the sphere of the whole space.
   *
   * @param width d
   */
  record RandomDirections(int width) implements Initialiser {
    @Override
    public void drawUnitRows(MemorySegment rows, int features, long seed) {
      requireSize(rows, features, width);
      RowDraws.inParallel(
          features,
          seed,
          (feature, random) -> {
            float[] row = new float[width];
            for (int i = 0; i < width; i++) {
              row[i] = (float) random.nextGaussian();
            }
            store(row, rows, feature);
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
    public void drawUnitRows(MemorySegment rows, int features, long seed) {
      requireSize(rows, features, width);
      RowDraws.inParallel(
          features,
          seed,
          (feature, random) -> {
            float[] row = new float[width];
            for (int direction = 0; direction < dimensions; direction++) {
              float weight = (float) random.nextDouble(-1, 1);
              int start = direction * width;
              for (int i = 0; i < width; i++) {
                row[i] += weight * basis[start + i];
              }
            }
            store(row, rows, feature);
          });
    }
  }

  private static void requireSize(MemorySegment rows, int features, int width) {
    long bytes = (long) features * width * Float.BYTES;
    if (rows.byteSize() != bytes) {
      throw new IllegalArgumentException(
          features
              + " rows of width "
              + width
              + " take "
              + bytes
              + " bytes, not "
              + rows.byteSize());
    }
  }

  private static void store(float[] row, MemorySegment rows, int feature) {
    double sum = 0;
    for (float value : row) {
      sum += (double) value * value;
    }
    float scale = (float) (1 / Math.sqrt(sum));
    long start = (long) feature * row.length;
    for (int i = 0; i < row.length; i++) {
      rows.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, start + i, scale * row[i]);
    }
  }
}

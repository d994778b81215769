package io.sluice.geometry;

import java.util.Arrays;

/**
 * An orthonormal basis of the space that a matrix's rows span.
 *
 * @param squaredSingularValues {@code [min(rows, d)]}, descending
 * @param basis {@code [rank, d]}, orthonormal rows
 * @param rank the number of singular values above {@value #CUT} times the largest
 */
record RowSpace(double[] squaredSingularValues, double[] basis, int rank) {
  /** Singular values below this share of the largest count as 0. */
  private static final double CUT = 1e-6;

  /** The row space of {@code rows} rows of {@code matrix [.., d]} from row {@code first}. */
  static RowSpace of(float[] matrix, int first, int rows, int d) {
    boolean wide = rows <= d;
    double[] gram =
        wide ? rowProducts(matrix, first, rows, d) : columnProducts(matrix, first, rows, d);
    int n = Math.min(rows, d);
    SymmetricEigen eigen = SymmetricEigen.of(gram, n);
    double largest = eigen.values()[0];
    int rank = 0;
    while (rank < n && eigen.values()[rank] > CUT * CUT * largest) {
      rank++;
    }
    double[] basis =
        wide
            ? combine(eigen, rank, matrix, first, rows, d)
            : Arrays.copyOf(eigen.vectors(), rank * d);
    return new RowSpace(eigen.values(), basis, rank);
  }

  /** {@code W·Wᵀ}. */
  private static double[] rowProducts(float[] w, int first, int rows, int d) {
    double[] gram = new double[rows * rows];
    for (int i = 0; i < rows; i++) {
      for (int j = i; j < rows; j++) {
        double sum = 0;
        for (int k = 0; k < d; k++) {
          sum += (double) w[(first + i) * d + k] * w[(first + j) * d + k];
        }
        gram[i * rows + j] = sum;
        gram[j * rows + i] = sum;
      }
    }
    return gram;
  }

  /** {@code Wᵀ·W}. */
  private static double[] columnProducts(float[] w, int first, int rows, int d) {
    double[] gram = new double[d * d];
    for (int row = first; row < first + rows; row++) {
      for (int i = 0; i < d; i++) {
        double wi = w[row * d + i];
        for (int j = 0; j < d; j++) {
          gram[i * d + j] += wi * w[row * d + j];
        }
      }
    }
    return gram;
  }

  /** {@code Σ⁻¹UᵀW}: the right singular vectors from the eigenvectors of {@code W·Wᵀ}. */
  private static double[] combine(
      SymmetricEigen eigen, int rank, float[] w, int first, int rows, int d) {
    double[] basis = new double[rank * d];
    for (int i = 0; i < rank; i++) {
      double scale = 1 / Math.sqrt(eigen.values()[i]);
      for (int j = 0; j < rows; j++) {
        double weight = scale * eigen.vectors()[i * rows + j];
        for (int k = 0; k < d; k++) {
          basis[i * d + k] += weight * w[(first + j) * d + k];
        }
      }
    }
    return basis;
  }
}

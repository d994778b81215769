package io.sluice.geometry;

import java.util.List;

/**
 * The overlap of the output subspaces of two heads: the mean squared cosine of the principal angles
 * between their row spaces, {@code ‖Q_i·Q_jᵀ‖² / min(rank_i, rank_j)} with orthonormal {@code Q}
 * (arXiv 2508.16929). 1 if one contains the other, 0 if they are orthogonal, about {@code dHead /
 * d} for random subspaces.
 */
final class HeadOverlap {
  private HeadOverlap() {}

  /** The overlap of each pair, {@code [heads, heads]}, symmetric. */
  static double[][] between(List<RowSpace> spaces) {
    int n = spaces.size();
    double[][] overlap = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = i; j < n; j++) {
        double value = of(spaces.get(i), spaces.get(j));
        overlap[i][j] = value;
        overlap[j][i] = value;
      }
    }
    return overlap;
  }

  private static double of(RowSpace a, RowSpace b) {
    int smaller = Math.min(a.rank(), b.rank());
    if (smaller == 0) {
      return 0;
    }
    int d = a.basis().length / a.rank();
    double squares = 0;
    for (int i = 0; i < a.rank(); i++) {
      for (int j = 0; j < b.rank(); j++) {
        double cosine = 0;
        for (int k = 0; k < d; k++) {
          cosine += a.basis()[i * d + k] * b.basis()[j * d + k];
        }
        squares += cosine * cosine;
      }
    }
    return Math.min(1, squares / smaller);
  }
}

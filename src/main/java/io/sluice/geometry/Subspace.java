package io.sluice.geometry;

import java.util.Arrays;

/**
 * The affine subspace in which activations vary most: their mean and the top {@code k} orthonormal
 * eigenvectors of their covariance (the active subspace of arXiv 2508.16929). Immutable.
 */
public final class Subspace {
  private final int dimension;
  private final double[] mean;
  private final double[] directions;
  private final double[] variances;

  private Subspace(int dimension, double[] mean, double[] directions, double[] variances) {
    this.dimension = dimension;
    this.mean = mean;
    this.directions = directions;
    this.variances = variances;
  }

  /**
   * The top {@code k} directions of a covariance.
   *
   * @param k from 1 to the width
   * @throws IllegalArgumentException if {@code k} is outside
   */
  public static Subspace topDirections(Covariance covariance, int k) {
    int d = covariance.width();
    if (k < 1 || k > d) {
      throw new IllegalArgumentException("k must be from 1 to the width " + d + ", not " + k);
    }
    SymmetricEigen eigen = SymmetricEigen.of(covariance.matrixInPlace(), d);
    return new Subspace(
        k,
        covariance.mean(),
        Arrays.copyOf(eigen.vectors(), k * d),
        Arrays.copyOf(eigen.values(), k));
  }

  /** Number of directions, {@code k}. */
  public int dimension() {
    return dimension;
  }

  /** Values per activation, {@code d}. */
  public int width() {
    return mean.length;
  }

  /** A copy of the mean, {@code [d]}. */
  public double[] mean() {
    return mean.clone();
  }

  /** A copy of the directions, {@code [k, d]}: orthonormal rows, by descending variance. */
  public double[] directions() {
    return directions.clone();
  }

  /** A copy of the variance along each direction, {@code [k]}, descending. */
  public double[] variances() {
    return variances.clone();
  }

  /** The directions in float32, {@code [k, d]}, as initialisers take them. */
  public float[] basis() {
    float[] basis = new float[directions.length];
    for (int i = 0; i < basis.length; i++) {
      basis[i] = (float) directions[i];
    }
    return basis;
  }

  /**
   * Replaces each row by its projection on the subspace, {@code mean + VᵀV(x − mean)}.
   *
   * @param rows {@code [n, d]}, row-major; overwritten
   * @throws IllegalArgumentException if the length is not a multiple of the width
   */
  public void project(float[] rows) {
    int d = width();
    if (rows.length % d != 0) {
      throw new IllegalArgumentException(rows.length + " values are not whole rows of width " + d);
    }
    double[] result = new double[d];
    for (int start = 0; start < rows.length; start += d) {
      System.arraycopy(mean, 0, result, 0, d);
      for (int i = 0; i < dimension; i++) {
        double dot = 0;
        for (int j = 0; j < d; j++) {
          dot += directions[i * d + j] * (rows[start + j] - mean[j]);
        }
        for (int j = 0; j < d; j++) {
          result[j] += dot * directions[i * d + j];
        }
      }
      for (int j = 0; j < d; j++) {
        rows[start + j] = (float) result[j];
      }
    }
  }
}

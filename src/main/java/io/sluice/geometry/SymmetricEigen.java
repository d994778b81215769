package io.sluice.geometry;

import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;

/**
 * The eigen-decomposition of a symmetric matrix in float64: by EJML, in Java, up to {@value
 * #LARGEST_FOR_JAVA} rows, where it is faster than LibTorch; above that by LibTorch if it is
 * available.
 *
 * @param values {@code [n]}, descending
 * @param vectors {@code [n, n]}: row {@code i} is the unit eigenvector of value {@code i}; its
 *     component of largest magnitude is positive, so that equal input gives equal output
 */
record SymmetricEigen(double[] values, double[] vectors) {
  private static final int LARGEST_FOR_JAVA = 1024;

  static SymmetricEigen of(double[] matrix, int n) {
    return prefersLibTorch(n) ? byLibTorch(matrix, n) : byJava(matrix, n);
  }

  /** The eigenvalues alone, descending. */
  static double[] valuesOf(double[] matrix, int n) {
    return prefersLibTorch(n) ? byLibTorch(matrix, n).values() : valuesByJava(matrix, n);
  }

  private static boolean prefersLibTorch(int n) {
    return n > LARGEST_FOR_JAVA && Torch.isAvailable();
  }

  static SymmetricEigen byLibTorch(double[] matrix, int n) {
    try (TensorScope scope = TensorScope.open()) {
      var eigen = Tensor.ofDoubles(matrix, n, n).eigh();
      double[] ascending = eigen.values().toDoubles();
      double[] columns = eigen.vectors().transpose(0, 1).contiguous().toDoubles();
      double[][] vectors = new double[n][];
      for (int i = 0; i < n; i++) {
        vectors[i] = Arrays.copyOfRange(columns, i * n, (i + 1) * n);
      }
      return descending(ascending, vectors);
    }
  }

  static SymmetricEigen byJava(double[] matrix, int n) {
    EigenDecomposition_F64<DMatrixRMaj> eigen = decompose(matrix, n, true);
    double[][] vectors = new double[n][];
    for (int i = 0; i < n; i++) {
      vectors[i] = eigen.getEigenVector(i).data;
    }
    return descending(values(eigen, n), vectors);
  }

  static double[] valuesByJava(double[] matrix, int n) {
    double[] values = values(decompose(matrix, n, false), n);
    Arrays.sort(values);
    return reversed(values);
  }

  private static EigenDecomposition_F64<DMatrixRMaj> decompose(
      double[] matrix, int n, boolean vectors) {
    EigenDecomposition_F64<DMatrixRMaj> eigen = DecompositionFactory_DDRM.eig(n, vectors, true);
    if (!eigen.decompose(new DMatrixRMaj(n, n, true, matrix.clone()))) {
      throw new ArithmeticException("the eigenvalues of a " + n + " x " + n + " matrix diverged");
    }
    return eigen;
  }

  private static double[] values(EigenDecomposition_F64<DMatrixRMaj> eigen, int n) {
    return IntStream.range(0, n).mapToDouble(i -> eigen.getEigenvalue(i).getReal()).toArray();
  }

  private static double[] reversed(double[] values) {
    int n = values.length;
    return IntStream.range(0, n).mapToDouble(i -> values[n - 1 - i]).toArray();
  }

  private static SymmetricEigen descending(double[] values, double[][] vectors) {
    int n = values.length;
    int[] order =
        IntStream.range(0, n)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer i) -> values[i]).reversed())
            .mapToInt(Integer::intValue)
            .toArray();
    double[] sorted = new double[n];
    double[] rows = new double[n * n];
    for (int i = 0; i < n; i++) {
      sorted[i] = values[order[i]];
      double sign = signOf(vectors[order[i]]);
      for (int j = 0; j < n; j++) {
        rows[i * n + j] = sign * vectors[order[i]][j];
      }
    }
    return new SymmetricEigen(sorted, rows);
  }

  private static double signOf(double[] vector) {
    double largest = 0;
    for (double value : vector) {
      if (Math.abs(value) > Math.abs(largest)) {
        largest = value;
      }
    }
    return largest < 0 ? -1 : 1;
  }
}

package io.sluice.geometry;

import java.util.stream.IntStream;

/**
 * The best linear prediction of one activation from another, {@code y ≈ mean(y) + Bᵀ(x − mean(x))}
 * with {@code B = (Σ_xx + εI)⁻¹ Σ_xy}: least squares, with an {@code ε} of a ten-thousandth of the
 * mean variance of {@code x}, so that weights stay bounded for directions in which {@code x} hardly
 * varies and for samples of fewer rows than columns.
 */
public final class LinearPrediction {
  private static final double RIDGE = 1e-4;

  private final int inputWidth;
  private final int outputWidth;

  /** {@code Bᵀ}, {@code [outputWidth, inputWidth]}. */
  private final float[] transposed;

  private LinearPrediction(int inputWidth, int outputWidth, float[] transposed) {
    this.inputWidth = inputWidth;
    this.outputWidth = outputWidth;
    this.transposed = transposed;
  }

  /**
   * From the joint covariance of both.
   *
   * @param joint covariance of rows {@code [x, y]}, side by side
   * @param inputWidth the number of columns of {@code x}, from 1 to all but one
   * @throws IllegalArgumentException if the width is out of range, or {@code x} never varies
   */
  public static LinearPrediction of(Covariance joint, int inputWidth) {
    int outputWidth = joint.width() - inputWidth;
    if (inputWidth < 1 || outputWidth < 1) {
      throw new IllegalArgumentException(
          inputWidth + " columns of " + joint.width() + " leave nothing to predict");
    }
    double[][] factor = new double[inputWidth][];
    double[][] solution = new double[inputWidth][];
    double trace = 0;
    for (int i = 0; i < inputWidth; i++) {
      trace += joint.at(i, i);
    }
    if (!(trace > 0)) {
      throw new IllegalArgumentException(
          "the input is the same in all rows, so nothing can be predicted from it");
    }
    double[] matrix = joint.matrixInPlace();
    for (int i = 0; i < inputWidth; i++) {
      int row = i * joint.width();
      factor[i] = java.util.Arrays.copyOfRange(matrix, row, row + inputWidth);
      factor[i][i] += RIDGE * trace / inputWidth;
      solution[i] = java.util.Arrays.copyOfRange(matrix, row + inputWidth, row + joint.width());
    }
    eliminate(factor, solution);
    float[] transposed = new float[Math.multiplyExact(outputWidth, inputWidth)];
    for (int i = 0; i < inputWidth; i++) {
      for (int j = 0; j < outputWidth; j++) {
        transposed[j * inputWidth + i] = (float) solution[i][j];
      }
    }
    return new LinearPrediction(inputWidth, outputWidth, transposed);
  }

  /**
   * Solves {@code factor · X = solution} in place. The matrix is symmetric and positive definite,
   * so elimination needs no pivots; all loops run along rows.
   */
  private static void eliminate(double[][] factor, double[][] solution) {
    int n = factor.length;
    for (int k = 0; k < n; k++) {
      int pivot = k;
      IntStream.range(k + 1, n)
          .parallel()
          .forEach(
              i -> {
                double ratio = factor[i][pivot] / factor[pivot][pivot];
                subtract(factor[i], factor[pivot], ratio, pivot);
                subtract(solution[i], solution[pivot], ratio, 0);
              });
    }
    for (int k = n - 1; k >= 0; k--) {
      int pivot = k;
      double scale = 1 / factor[k][k];
      for (int j = 0; j < solution[k].length; j++) {
        solution[k][j] *= scale;
      }
      IntStream.range(0, k)
          .parallel()
          .forEach(i -> subtract(solution[i], solution[pivot], factor[i][pivot], 0));
    }
  }

  private static void subtract(double[] row, double[] other, double weight, int from) {
    for (int j = from; j < row.length; j++) {
      row[j] -= weight * other[j];
    }
  }

  /** Width of {@code x}. */
  public int inputWidth() {
    return inputWidth;
  }

  /** Width of {@code y}. */
  public int outputWidth() {
    return outputWidth;
  }

  /**
   * The direction {@code B·u} of the input space whose product with {@code x} is that of {@code u}
   * with the prediction of {@code y}.
   *
   * @param direction {@code u}, {@code [outputWidth]}
   * @return {@code [inputWidth]}
   */
  public float[] pullBack(float[] direction) {
    if (direction.length != outputWidth) {
      throw new IllegalArgumentException(
          "a direction of %d values, but what is predicted is %d wide"
              .formatted(direction.length, outputWidth));
    }
    float[] pulled = new float[inputWidth];
    for (int j = 0; j < outputWidth; j++) {
      float weight = direction[j];
      int row = j * inputWidth;
      for (int i = 0; i < inputWidth; i++) {
        pulled[i] += weight * transposed[row + i];
      }
    }
    return pulled;
  }
}

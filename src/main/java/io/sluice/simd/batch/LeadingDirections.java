package io.sluice.simd.batch;

import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.simd.Panels;
import io.sluice.simd.moments.MomentAccumulator;
import io.sluice.simd.moments.Moments;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * An orthonormal basis of the directions in which tokens hold most of their energy, in descending
 * order, by orthogonal iteration on their second moments (Golub and Van Loan, <i>Matrix
 * Computations</i>, 8.2.4). A few iterations are enough, because any basis gives exact results and
 * a better one only saves time.
 */
final class LeadingDirections {
  private static final int ITERATIONS = 5;

  /** The steps must be orthonormal to float32's rounding: twice is enough (Kahan, Parlett). */
  private static final int PASSES = 2;

  private LeadingDirections() {}

  /**
   * Finds the leading directions.
   *
   * @param tokens {@code [count, width]}, finite
   * @param wanted how many directions, at most {@code width}
   * @return {@code [wanted, width]}
   */
  static float[] of(
      SparseKernels kernels, Workers workers, float[] tokens, int count, int width, int wanted) {
    float[] moments = secondMoments(workers, tokens, count, width);
    MemorySegment panels = columns(kernels, moments, width);
    SplittableRandom random = new SplittableRandom(width);
    float[] basis = new float[wanted * width];
    fill(basis, random);
    float[] product = new float[basis.length];
    for (int i = 0; i < ITERATIONS; i++) {
      multiply(kernels, workers, basis, wanted, panels, width, product);
      orthonormalise(kernels, product, wanted, width, basis);
    }
    return basis;
  }

  /**
   * Another orthonormal basis of what the first directions span, at random. Along leading
   * directions the first coordinates are far larger than the others, and rounding to whole numbers
   * of one unit leaves little of these; along mixed directions all are alike.
   *
   * @param basis {@code [≥ kept, width]}, orthonormal
   * @return {@code [kept, width]}
   */
  static float[] mixed(SparseKernels kernels, float[] basis, int kept, int width) {
    SplittableRandom random = new SplittableRandom(kept);
    int[] rows = new int[kept];
    Arrays.setAll(rows, i -> i);
    float[] weights = new float[kept];
    float[] row = new float[width];
    float[] sums = new float[kept * width];
    for (int i = 0; i < kept; i++) {
      fill(weights, random);
      kernels.sumRows(basis, width, rows, weights, 0, kept, row);
      System.arraycopy(row, 0, sums, i * width, width);
    }
    float[] mixed = new float[kept * width];
    orthonormalise(kernels, sums, kept, width, mixed);
    return mixed;
  }

  private static float[] secondMoments(Workers workers, float[] tokens, int count, int width) {
    MomentAccumulator sums = new MomentAccumulator(width, workers);
    Moments moments;
    try (Arena arena = Arena.ofShared()) {
      MemorySegment rows = arena.allocate((long) count * width * Float.BYTES, 64);
      MemorySegment.copy(tokens, 0, rows, ValueLayout.JAVA_FLOAT, 0, count * width);
      sums.add(new Rows(rows, DType.F32, count, width));
      moments = sums.moments();
    }
    float[] second = new float[width * width];
    double[] mean = moments.mean();
    double[] scatter = moments.scatter();
    for (int i = 0; i < width; i++) {
      for (int j = 0; j < width; j++) {
        second[i * width + j] = (float) (scatter[i * width + j] / count + mean[i] * mean[j]);
      }
    }
    return second;
  }

  /** A symmetric matrix as panels of its columns, {@code [panels][width][panelWidth]}. */
  private static MemorySegment columns(SparseKernels kernels, float[] matrix, int width) {
    int lanes = kernels.panelWidth();
    int panels = Math.ceilDiv(width, lanes);
    MemorySegment packed = Panels.allocate((long) panels * width * lanes);
    for (int p = 0; p < panels; p++) {
      kernels.packTokens(matrix, p * lanes, width, width, packed, (long) p * width * lanes);
    }
    return packed;
  }

  private static void multiply(
      SparseKernels kernels,
      Workers workers,
      float[] rows,
      int count,
      MemorySegment panels,
      int width,
      float[] out) {
    workers.run(
        Math.ceilDiv(count, SparseKernels.TILE_FEATURES),
        task ->
            new TileProduct(kernels, width)
                .multiply(rows, count, task * SparseKernels.TILE_FEATURES, panels, out, width));
  }

  /** Gram and Schmidt's process, each row against all before it. */
  private static void orthonormalise(
      SparseKernels kernels, float[] rows, int count, int width, float[] out) {
    int[] indices = new int[count];
    Arrays.setAll(indices, i -> i);
    float[] zero = new float[width];
    float[] row = new float[width];
    float[] along = new float[count];
    float[] sum = new float[width];
    SplittableRandom random = new SplittableRandom(count);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment done = arena.allocate((long) count * width * Float.BYTES, 64);
      for (int i = 0; i < count; i++) {
        System.arraycopy(rows, i * width, row, 0, width);
        while (!normalise(row)) {
          // Nothing is left of this direction: the tokens have fewer. Any other will do.
          fill(row, random);
        }
        for (int pass = 0; pass < PASSES; pass++) {
          kernels.dotRows(done, width, indices, 0, i, row, 0, along);
          kernels.sumRows(done, width, indices, along, 0, i, zero, sum, 0);
          for (int j = 0; j < width; j++) {
            row[j] -= sum[j];
          }
          if (!normalise(row)) {
            fill(row, random);
            pass = -1;
          }
        }
        MemorySegment.copy(
            row, 0, done, ValueLayout.JAVA_FLOAT, (long) i * width * Float.BYTES, width);
        System.arraycopy(row, 0, out, i * width, width);
      }
    }
  }

  private static void fill(float[] row, SplittableRandom random) {
    for (int i = 0; i < row.length; i++) {
      row[i] = (float) (random.nextDouble() - 0.5);
    }
  }

  /** Gives the row length one, unless it is as good as zero. */
  private static boolean normalise(float[] row) {
    double sum = 0;
    for (float value : row) {
      sum += (double) value * value;
    }
    if (!(sum > 1e-24)) {
      return false;
    }
    float factor = (float) (1 / Math.sqrt(sum));
    for (int i = 0; i < row.length; i++) {
      row[i] *= factor;
    }
    return true;
  }
}

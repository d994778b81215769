package io.sluice.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Random data for benchmarks. */
final class BenchmarkData {
  private BenchmarkData() {}

  /** {@code count} float32 values, uniform in [−½, ½). */
  static MemorySegment uniform(Arena arena, long count, long seed) {
    MemorySegment data = arena.allocate(Float.BYTES * count, 64);
    SplittableRandom random = new SplittableRandom(seed);
    for (long i = 0; i < count; i++) {
      data.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (random.nextDouble() - 0.5));
    }
    return data;
  }

  /**
   * Tokens as attention writes them, {@code [count, width]}: independent normal coordinates whose
   * standard deviations follow the spectrum that was measured on the {@code attn_out} of a trained
   * encoder, of which half the directions hold 99 % of the variance, in a random basis.
   */
  static MemorySegment attention(Arena arena, int count, int width, long seed) {
    double[] deviations = new double[width];
    for (int i = 0; i < width; i++) {
      deviations[i] = Math.sqrt(tail(i / (double) width) - tail((i + 1) / (double) width));
    }
    return rotated(arena, count, width, deviations, seed);
  }

  /** Features that start inside the directions that tokens fill, {@code [features, width]}. */
  static MemorySegment active(Arena arena, int features, int width, long seed) {
    double[] deviations = new double[width];
    Arrays.fill(deviations, 0, width / 2, 1 / Math.sqrt(width / 2.0));
    return rotated(arena, features, width, deviations, seed);
  }

  /** The share of the variance outside this share of the directions. */
  private static double tail(double share) {
    return 0.75 * Math.exp(-share / 0.105) + 0.25 * Math.exp(-share / 0.02);
  }

  /** Coordinates of given deviations, reflected twice so that every coordinate mixes with all. */
  private static MemorySegment rotated(
      Arena arena, int count, int width, double[] deviations, long seed) {
    SplittableRandom mirrors = new SplittableRandom(width);
    double[][] normals = new double[2][width];
    for (double[] normal : normals) {
      double square = 0;
      for (int i = 0; i < width; i++) {
        normal[i] = mirrors.nextGaussian();
        square += normal[i] * normal[i];
      }
      for (int i = 0; i < width; i++) {
        normal[i] /= Math.sqrt(square);
      }
    }
    MemorySegment data = arena.allocate((long) Float.BYTES * count * width, 64);
    // A generator for each row, so that cores share the rows.
    IntStream.range(0, count)
        .parallel()
        .forEach(
            row -> {
              long own = seed + row * 0x9e3779b97f4a7c15L;
              fill(data, row, width, deviations, normals, new SplittableRandom(own));
            });
    return data;
  }

  private static void fill(
      MemorySegment data,
      int r,
      int width,
      double[] deviations,
      double[][] normals,
      SplittableRandom random) {
    double[] row = new double[width];
    for (int i = 0; i < width; i++) {
      row[i] = deviations[i] == 0 ? 0 : deviations[i] * random.nextGaussian();
    }
    for (double[] normal : normals) {
      double along = 0;
      for (int i = 0; i < width; i++) {
        along += row[i] * normal[i];
      }
      for (int i = 0; i < width; i++) {
        row[i] -= 2 * along * normal[i];
      }
    }
    for (int i = 0; i < width; i++) {
      data.setAtIndex(ValueLayout.JAVA_FLOAT, (long) r * width + i, (float) row[i]);
    }
  }
}

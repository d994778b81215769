package io.sluice.simd.batch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Locale;

/**
 * Chooses how many directions a {@link Screen} keeps. For every number it counts, on a sample of
 * tokens and features, the pairs that pass the bound, and estimates the cost. With few directions
 * the product is cheap, but many pairs pass and are computed in vain.
 */
final class ScreenChoice {
  /** Widths that are considered are multiples of this. */
  static final int STEP = 16;

  private static final int TOKENS = 64;
  private static final int FEATURES = 512;

  /** Thresholds rise while features pass by, so more are computed than pass at the end. */
  private static final double RISING = 1.4;

  /** The cost of recording and offering one pair, in multiplications of a tile. */
  private static final double PAIR = 2500;

  /**
   * How much faster a multiplication is in a tile than in a row product, which waits for memory.
   */
  private static final double TILE = 8;

  /** A screen that saves less than this share is not worth its memory. */
  private static final double WORTHWHILE = 0.88;

  /** The same in int8, where more pairs pass than a sample shows. */
  private static final double WORTHWHILE_IN_INT8 = 0.7;

  /** How much faster a product of bytes is than one of floats. */
  private static final double INT8 = 2.9;

  /** The cost of comparing a product of bytes with its threshold. */
  private static final double COMPARISON = 20;

  /** In int8, rows are projected with fewer tokens at a time than a tile has, and rounded again. */
  private static final double PROJECTION = 1.5;

  /**
   * The share of a vector's norm that rounding to int8 leaves out along mixed directions: the
   * largest of some hundred coordinates is about three times as large as their root mean square,
   * and of a value a twelfth of the square of the unit is left out in the mean.
   */
  private static final double ROUNDING = 3.2 / 127 / Math.sqrt(12);

  private ScreenChoice() {}

  /** Which screens may be used; {@code -Dsluice.screen} overrules. */
  enum Allowed {
    ANY,
    INT8,
    DIRECTIONS,
    NONE;

    static Allowed ofProperty() {
      String text = System.getProperty("sluice.screen", "any");
      for (Allowed allowed : values()) {
        if (allowed.name().toLowerCase(Locale.ROOT).equals(text)) {
          return allowed;
        }
      }
      throw new IllegalArgumentException(
          "-Dsluice.screen=" + text + "; it is any, int8, directions or none");
    }

    boolean int8() {
      return this == ANY || this == INT8;
    }

    boolean directions() {
      return this == ANY || this == DIRECTIONS;
    }
  }

  /**
   * Whether a bound from int8 costs less than all products in float32.
   *
   * @param count tokens of a batch
   * @param work what was computed in float32 all the same, in multiplications of a tile
   */
  static boolean int8Pays(EncoderWeights weights, int count, double work) {
    double pairs = (double) count * weights.features();
    double whole = pairs * weights.width();
    return pairs * product(weights.width(), true) + work < WORTHWHILE * whole;
  }

  /** The cost of computing and offering a pair that passed, in multiplications of a tile. */
  static double pairCost(int width) {
    return TILE * width + PAIR;
  }

  /**
   * What a choice is made from.
   *
   * @param weights the encoder
   * @param tokens {@code [count, width]}
   * @param count tokens of a batch
   * @param least the score that each token's features must exceed
   * @param moved the share of the rows that change, and are projected again, from batch to batch
   * @param int8 whether coordinates are multiplied in int8
   * @param passed pairs of a token that pass the bound in int8 without a screen
   */
  record Sample(
      EncoderWeights weights,
      float[] tokens,
      int count,
      float[] least,
      double moved,
      boolean int8,
      double passed) {}

  /**
   * The number of leading directions to keep, or 0 if a screen would not pay.
   *
   * @param basis {@code [directions, width]}, orthonormal
   */
  static int kept(SparseKernels kernels, float[] basis, int directions, Sample sample) {
    EncoderWeights weights = sample.weights();
    int width = weights.width();
    int steps = directions / STEP;
    long[] passing = new long[steps + 1];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment table = arena.allocate((long) directions * width * Float.BYTES, 64);
      MemorySegment.copy(basis, 0, table, ValueLayout.JAVA_FLOAT, 0, directions * width);
      int[] all = new int[directions];
      Arrays.setAll(all, i -> i);
      Projected[] tokens = new Projected[Math.min(TOKENS, sample.count())];
      int[] rows = new int[tokens.length];
      for (int i = 0; i < tokens.length; i++) {
        rows[i] = (int) ((long) i * sample.count() / tokens.length);
        tokens[i] = new Projected(kernels, table, all, sample.tokens(), rows[i] * width, width);
      }
      float[] row = new float[width];
      int features = Math.min(FEATURES, weights.features());
      for (int i = 0; i < features; i++) {
        int feature = (int) ((long) i * weights.features() / features);
        MemorySegment.copy(
            weights.rows(),
            ValueLayout.JAVA_FLOAT_UNALIGNED,
            (long) feature * width * Float.BYTES,
            row,
            0,
            width);
        Projected projected = new Projected(kernels, table, all, row, 0, width);
        float factor = weights.factors()[feature];
        for (int j = 0; j < tokens.length; j++) {
          double needed = sample.least()[rows[j]] / factor - weights.bias()[feature];
          projected.countPassing(tokens[j], needed, sample.int8(), passing);
        }
      }
      double scale = (double) weights.features() / features / tokens.length * RISING;
      return cheapest(passing, scale, sample, directions);
    }
  }

  /** The cost of one pair's bound from this many coordinates. */
  private static double product(double coordinates, boolean int8) {
    return int8 ? coordinates / INT8 + COMPARISON : coordinates;
  }

  private static int cheapest(long[] passing, double scale, Sample sample, int directions) {
    double features = sample.weights().features();
    double width = sample.weights().width();
    double pair = pairCost(sample.weights().width());
    double now = sample.int8() ? sample.passed() * pair : 0;
    double least = sample.int8() ? WORTHWHILE_IN_INT8 : WORTHWHILE;
    double best = least * (features * product(width, sample.int8()) + now);
    int kept = 0;
    for (int step = 1; step <= directions / STEP; step++) {
      double d = step * STEP;
      double cost = features * product(d + 1, sample.int8()) + d * width;
      cost += passing[step] * scale * pair;
      double projection = sample.int8() ? PROJECTION : 1;
      cost += projection * sample.moved() * features * width * d / sample.count();
      if (cost < best) {
        best = cost;
        kept = step * STEP;
      }
    }
    return kept;
  }

  /** A vector's coordinates, and the norm of the remainder after each step of coordinates. */
  private static final class Projected {
    private final float[] along;
    private final double[] left;

    /** After each step, the norm inside, and about the norm of what rounding to int8 leaves out. */
    private final double[] inside;

    private final double[] residue;

    Projected(
        SparseKernels kernels, MemorySegment basis, int[] all, float[] vectors, int at, int width) {
      along = new float[all.length];
      kernels.dotRows(basis, width, all, 0, all.length, vectors, at, along);
      double square = 0;
      for (int i = at; i < at + width; i++) {
        square += (double) vectors[i] * vectors[i];
      }
      left = new double[all.length / STEP + 1];
      inside = new double[left.length];
      residue = new double[left.length];
      double whole = square;
      for (int step = 0; step < left.length; step++) {
        left[step] = Math.sqrt(Math.max(0, square));
        inside[step] = Math.sqrt(Math.max(0, whole - square));
        residue[step] = ROUNDING * inside[step];
        for (int i = step * STEP; i < Math.min(along.length, (step + 1) * STEP); i++) {
          square -= (double) along[i] * along[i];
        }
      }
    }

    void countPassing(Projected other, double needed, boolean int8, long[] passing) {
      float sum = 0;
      for (int step = 1; step < left.length; step++) {
        for (int i = (step - 1) * STEP; i < step * STEP; i++) {
          sum += along[i] * other.along[i];
        }
        double rounding =
            int8 ? residue[step] * other.inside[step] + inside[step] * other.residue[step] : 0;
        if (sum + rounding + left[step] * other.left[step] > needed) {
          passing[step]++;
        }
      }
    }
  }
}

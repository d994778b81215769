package io.sluice.dictionary;

import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Draws the rows of a matrix in parallel, with the result of drawing them one after the other. */
final class RowDraws {
  /** Rows whose random numbers are prepared at a time. */
  private static final int PIECE = 4096;

  private RowDraws() {}

  /** Draws one row. */
  @FunctionalInterface
  interface Draw {
    /** Draws the row of a feature from random numbers of its own. */
    void draw(int feature, SplittableRandom random);
  }

  /** Draws all rows; any number of them at a time. */
  static void inParallel(int features, long seed, Draw draw) {
    SplittableRandom seeds = new SplittableRandom(seed);
    SplittableRandom[] own = new SplittableRandom[Math.min(features, PIECE)];
    for (int first = 0; first < features; first += PIECE) {
      int count = Math.min(PIECE, features - first);
      for (int i = 0; i < count; i++) {
        own[i] = seeds.split();
      }
      int start = first;
      IntStream.range(0, count).parallel().forEach(i -> draw.draw(start + i, own[i]));
    }
  }
}

package io.sluice.dictionary;

import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Draws the rows of a matrix in parallel, with the result of drawing them one after the other. */
final class RowDraws {
  /** Rows whose random numbers are prepared at a time. */
  private static final int PIECE = 4096;

  private final SplittableRandom seeds;

  RowDraws(long seed) {
    this.seeds = new SplittableRandom(seed);
  }

  /** Draws one row. */
  @FunctionalInterface
  interface Draw {
    /** Draws a row, counted from the first of this call, from random numbers of its own. */
    void draw(int row, SplittableRandom random);
  }

  /** Draws the next rows; any number of them at a time. */
  void next(int count, Draw draw) {
    SplittableRandom[] own = new SplittableRandom[Math.min(count, PIECE)];
    for (int first = 0; first < count; first += PIECE) {
      int these = Math.min(PIECE, count - first);
      for (int i = 0; i < these; i++) {
        own[i] = seeds.split();
      }
      int start = first;
      IntStream.range(0, these).parallel().forEach(i -> draw.draw(start + i, own[i]));
    }
  }
}

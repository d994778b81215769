package io.sluice.text;

import java.util.Random;

/**
 * What goes wrong in a file that is being written: now and then a number is another one, or
 * something is left out or comes twice.
 *
 * @param rate how often, from 0 for never
 */
record Oddities(Random random, double rate) {
  /** Whether something goes wrong now. */
  boolean now() {
    return random.nextDouble() < rate;
  }

  /** The number, or one that a reader may stumble over. */
  long number(long right) {
    if (!now()) {
      return right;
    }
    return switch (random.nextInt(8)) {
      case 0 -> 0;
      case 1 -> -1;
      case 2 -> right + random.nextInt(3) - 1;
      case 3 -> right * 2;
      case 4 -> Integer.MAX_VALUE - random.nextInt(3);
      case 5 -> Integer.MIN_VALUE + random.nextInt(3);
      case 6 -> 1L << random.nextInt(63);
      default -> random.nextInt(1 << 20);
    };
  }

  /** As {@link #number}, but never negative and not far beyond what an int holds. */
  int size(int right) {
    return Math.clamp(number(right), 0, Integer.MAX_VALUE);
  }
}

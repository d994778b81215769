package io.sluice.store;

import java.util.Objects;

/**
 * A pseudo-random permutation of {@code 0 .. size-1} in constant memory: a Feistel network over the
 * next power of two, iterated until the result lies inside (cycle walking; Black and Rogaway,
 * "Ciphers with Arbitrary Finite Domains", 2002). Every key gives another order, and any element is
 * computed in constant time.
 */
final class Permutation {
  private static final int ROUNDS = 4;
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private final long size;
  private final int lowBits;
  private final long lowMask;
  private final long highMask;
  private final long[] keys = new long[2 * ROUNDS];

  Permutation(long size) {
    if (size < 1) {
      throw new IllegalArgumentException("a permutation of " + size + " elements");
    }
    this.size = size;
    int bits = Long.SIZE - Long.numberOfLeadingZeros(size - 1);
    this.lowBits = bits / 2;
    this.lowMask = (1L << lowBits) - 1;
    this.highMask = (1L << bits - lowBits) - 1;
    key(0, 0);
  }

  /** The order of one epoch of a seed. */
  void key(long seed, long epoch) {
    long state = mix(seed + GOLDEN) ^ mix(epoch ^ GOLDEN);
    for (int i = 0; i < keys.length; i++) {
      state += GOLDEN;
      keys[i] = mix(state);
    }
  }

  /** The image of {@code index}. */
  long at(long index) {
    long value = Objects.checkIndex(index, size);
    do {
      value = encrypt(value);
    } while (value >= size);
    return value;
  }

  private long encrypt(long value) {
    long low = value & lowMask;
    long high = value >>> lowBits;
    for (int i = 0; i < keys.length; i += 2) {
      high ^= mix(low + keys[i]) & highMask;
      low ^= mix(high + keys[i + 1]) & lowMask;
    }
    return high << lowBits | low;
  }

  // The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
  private static long mix(long z) {
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}

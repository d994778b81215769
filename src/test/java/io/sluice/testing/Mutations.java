package io.sluice.testing;

import java.util.Random;

/** Damages files at random, the same way for the same seed. */
public final class Mutations {
  private Mutations() {}

  /** Flips, overwrites, removes, doubles or inserts a few bytes anywhere. */
  public static byte[] mutate(byte[] original, Random random) {
    return mutate(original, original.length, random);
  }

  /** As the other, in the first {@code front} bytes only. */
  public static byte[] mutate(byte[] original, int front, Random random) {
    byte[] bytes = original.clone();
    for (int changes = 1 + random.nextInt(3); changes > 0 && bytes.length > 0; changes--) {
      int at = random.nextInt(Math.min(front, bytes.length));
      switch (random.nextInt(5)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) random.nextInt(256);
        // A whole number of four bytes at one of its extremes: counts, lengths, offsets.
        case 2 -> {
          byte value = (byte) (random.nextBoolean() ? 0xff : 0);
          for (int i = at; i < Math.min(bytes.length, at + 4); i++) {
            bytes[i] = value;
          }
        }
        case 3 -> {
          int end = Math.min(bytes.length, at + 1 + random.nextInt(16));
          byte[] shorter = new byte[bytes.length - (end - at)];
          System.arraycopy(bytes, 0, shorter, 0, at);
          System.arraycopy(bytes, end, shorter, at, bytes.length - end);
          bytes = shorter;
        }
        default -> {
          int end = Math.min(bytes.length, at + 1 + random.nextInt(64));
          byte[] longer = new byte[bytes.length + (end - at)];
          System.arraycopy(bytes, 0, longer, 0, end);
          System.arraycopy(bytes, at, longer, end, bytes.length - at);
          bytes = longer;
        }
      }
    }
    return bytes;
  }
}

package io.sluice.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;

/** Builds and damages weight files. */
final class Hostile {
  private Hostile() {}

  /** A safetensors file with any header and any values. */
  static Path file(Path folder, String header, byte[] values) throws IOException {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + text.length + values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(text.length).put(text).put(values);
    return Files.write(Files.createTempFile(folder, "hostile", ".safetensors"), bytes.array());
  }

  /** A seed, printed so that a failure can be repeated with {@code -Dsluice.seed=…}. */
  static long seed(String test) {
    long seed = Long.getLong("sluice.seed", ThreadLocalRandom.current().nextLong());
    System.out.println(test + ": -Dsluice.seed=" + seed);
    return seed;
  }

  /** Flips, overwrites, removes, doubles or inserts a few bytes. */
  static byte[] mutate(byte[] original, Random random) {
    byte[] bytes = original.clone();
    for (int changes = 1 + random.nextInt(3); changes > 0 && bytes.length > 0; changes--) {
      int at = random.nextInt(bytes.length);
      switch (random.nextInt(4)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) random.nextInt(256);
        case 2 -> {
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

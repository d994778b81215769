package io.sluice.store;

import java.io.IOException;
import java.io.InputStream;
import java.lang.ref.Cleaner;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * How many files this process may map. Linux allows a process about 65,530 mappings in all, and the
 * JVM ends if it cannot create one that it needs; stores take at most a quarter of them.
 */
final class MappingBudget {
  private static final Path LIMIT = Path.of("/proc/sys/vm/max_map_count");
  private static final int MOST = 1 << 14;
  private static final AtomicInteger LEFT = new AtomicInteger(most());
  private static final Cleaner CLEANER = Cleaner.create();

  private MappingBudget() {}

  /** Reserves mappings until {@code owner} is garbage; false if too few are left. */
  static boolean take(int mappings, Object owner) {
    if (LEFT.addAndGet(-mappings) < 0) {
      LEFT.addAndGet(mappings);
      return false;
    }
    CLEANER.register(owner, () -> LEFT.addAndGet(mappings));
    return true;
  }

  private static int most() {
    // In one read: a second one would return nothing.
    byte[] digits = new byte[32];
    try (InputStream file = Files.newInputStream(LIMIT)) {
      int count = Math.max(0, file.read(digits));
      String limit = new String(digits, 0, count, StandardCharsets.US_ASCII).strip();
      return (int) Math.min(MOST, Long.parseLong(limit) / 4);
    } catch (IOException | NumberFormatException e) {
      return MOST; // No Linux, or one that does not say.
    }
  }
}

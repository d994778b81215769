package io.sluice.simd.single;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/**
 * Repeats calls until the JVM has compiled what they run. While it has not, vectors are objects, so
 * the sign that it has is that the calls allocate nothing any more.
 */
public final class WarmUp {
  private static final int QUIET_ROUNDS = 20;
  private static final long QUIET_NANOS = 500_000_000L;

  /** What is quiet for so long stays so, however few rounds that were. */
  private static final int FEW_ROUNDS = 3;

  private static final long LONG_NANOS = 4_000_000_000L;

  /** Rounds that never become quiet end after this. */
  private static final long MOST_NANOS = 60_000_000_000L;

  private WarmUp() {}

  /**
   * Runs {@code round} until it has allocated nothing for half a second of processor time and
   * twenty rounds, or for four seconds; for a minute at most.
   *
   * @param allocates whether a round allocates even when all is compiled: it is then repeated for
   *     four seconds. So it is in a JVM that does not count what threads allocate
   */
  public static void run(Runnable round, boolean allocates) {
    // Asking for the bean allocates; asking the bean does not.
    ThreadMXBean counter = allocates ? null : counter();
    boolean timed = counter != null && counter.isCurrentThreadCpuTimeSupported();
    long start = System.nanoTime();
    long quietSince = now(counter, timed);
    for (int quiet = 0; ; ) {
      long before = counter == null ? 0 : counter.getCurrentThreadAllocatedBytes();
      round.run();
      long after = counter == null ? 0 : counter.getCurrentThreadAllocatedBytes();
      long now = now(counter, timed);
      if (after == before) {
        quiet++;
      } else {
        quiet = 0;
        quietSince = now;
      }
      boolean settled =
          counter != null && quiet >= QUIET_ROUNDS && now - quietSince >= QUIET_NANOS
              || quiet >= FEW_ROUNDS && now - quietSince >= LONG_NANOS;
      if (settled || System.nanoTime() - start >= MOST_NANOS) {
        return;
      }
    }
  }

  /**
   * The time that this thread has run. On a busy machine the compiler waits as long as this thread
   * does.
   */
  private static long now(ThreadMXBean counter, boolean timed) {
    return timed ? counter.getCurrentThreadCpuTime() : System.nanoTime();
  }

  /** Counts what a thread has allocated; null where the JVM does not. */
  private static ThreadMXBean counter() {
    return ManagementFactory.getThreadMXBean() instanceof ThreadMXBean threads
            && threads.isThreadAllocatedMemorySupported()
            && threads.isThreadAllocatedMemoryEnabled()
        ? threads
        : null;
  }
}

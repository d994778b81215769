package io.sluice.testing;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * Damaged files, one after the other: each is read, or is refused in one line that names a file of
 * its folder, in bounded time and memory.
 */
public final class FuzzRun {
  /** How many files there are of each kind; {@code make fuzz} has many more. */
  public static final int MUTATIONS = Integer.getInteger("sluice.mutations", 800);

  private static final Memory USUAL = new Memory(64L << 20, 256);

  /** Of the thread's own time, so that a busy machine makes nothing fail. */
  private static final long SLOWEST_NANOS = TimeUnit.SECONDS.toNanos(30);

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private FuzzRun() {}

  /**
   * What reading a file may allocate.
   *
   * @param base bytes for any file
   * @param factor bytes more for each byte of the file
   */
  public record Memory(long base, long factor) {}

  /** Writes a damaged file. */
  public interface Input {
    /** Returns how many bytes there are. */
    long write(Random random) throws IOException;
  }

  /** Reads it. */
  public interface Use {
    /** Does all that is done with such a file. */
    void read() throws IOException;
  }

  /**
   * Runs {@code count} damaged files.
   *
   * @param named the folder of the files, or the one file, that messages name
   * @return how many were read
   */
  public static int run(String name, int count, Path named, Input input, Use use)
      throws IOException {
    return run(name, count, named, USUAL, input, use);
  }

  /** As the other, in memory of another bound. */
  public static int run(String name, int count, Path named, Memory most, Input input, Use use)
      throws IOException {
    Random random = new Random(Seeds.seed());
    int read = 0;
    for (int i = 0; i < count; i++) {
      long bytes = input.write(random);
      long allocated = THREADS.getCurrentThreadAllocatedBytes();
      long start = THREADS.getCurrentThreadCpuTime();
      try {
        use.read();
        read++;
      } catch (IOException e) {
        String said = String.valueOf(e.getMessage());
        if (!said.contains(named.toString()) || said.lines().count() != 1) {
          throw new AssertionError(name + ", file " + i + ": " + said, e);
        }
      } catch (RuntimeException | Error e) {
        throw new AssertionError(name + ", file " + i, e);
      }
      long nanos = THREADS.getCurrentThreadCpuTime() - start;
      allocated = THREADS.getCurrentThreadAllocatedBytes() - allocated;
      if (nanos > SLOWEST_NANOS || allocated > most.base() + most.factor() * bytes) {
        throw new AssertionError(
            "%s, file %d: %d ns, %d bytes allocated for %d"
                .formatted(name, i, nanos, allocated, bytes));
      }
    }
    System.out.printf("%s: %d of %d read%n", name, read, count);
    return read;
  }
}

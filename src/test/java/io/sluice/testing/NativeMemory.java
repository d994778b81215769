package io.sluice.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import java.util.Optional;

/**
 * How much native memory this process has in use, as the C library counts it. What the system calls
 * resident would not do: it holds the Java heap, which grows when the collector likes.
 */
public final class NativeMemory {
  private static final StructLayout COUNTS =
      MemoryLayout.structLayout(
          ValueLayout.JAVA_LONG.withName("arena"),
          ValueLayout.JAVA_LONG.withName("freeChunks"),
          ValueLayout.JAVA_LONG.withName("fastChunks"),
          ValueLayout.JAVA_LONG.withName("maps"),
          ValueLayout.JAVA_LONG.withName("mappedBytes"),
          ValueLayout.JAVA_LONG.withName("unused"),
          ValueLayout.JAVA_LONG.withName("fastBytes"),
          ValueLayout.JAVA_LONG.withName("usedBytes"),
          ValueLayout.JAVA_LONG.withName("freeBytes"),
          ValueLayout.JAVA_LONG.withName("top"));

  private static final long MAPPED = COUNTS.byteOffset(PathElement.groupElement("mappedBytes"));
  private static final long USED = COUNTS.byteOffset(PathElement.groupElement("usedBytes"));

  private NativeMemory() {}

  /** Parts whose median counts: the compilers' noise goes up and down, a leak always up. */
  private static final int PARTS = 5;

  private static final int MOST_PARTS = 30;

  /**
   * By how much native memory grows in one run of {@code work}: the median of five runs one after
   * the other. A leak grows in each of them. What the JVM takes and gives back for itself, for its
   * compilers above all, is many times larger at first and comes to rest, later where other
   * programs want the processor; so the five are the last of up to thirty, the first whose median
   * is below {@code limit}. The calling test is skipped where the C library cannot tell.
   */
  public static long growth(long limit, Runnable work) {
    Linker linker = Linker.nativeLinker();
    Optional<MemorySegment> symbol = linker.defaultLookup().find("mallinfo2");
    assumeTrue(symbol.isPresent(), "this C library has no mallinfo2");
    MethodHandle count = linker.downcallHandle(symbol.get(), FunctionDescriptor.of(COUNTS));
    long[] last = new long[PARTS];
    long median = Long.MAX_VALUE;
    for (int part = 0; part < MOST_PARTS && median >= limit; part++) {
      long before = bytes(count);
      work.run();
      last[part % PARTS] = bytes(count) - before;
      if (part + 1 >= PARTS) {
        long[] sorted = last.clone();
        Arrays.sort(sorted);
        median = sorted[PARTS / 2];
      }
    }
    return median;
  }

  /** Segments that are garbage give their memory back, but not always in the first collection. */
  private static long bytes(MethodHandle count) {
    long least = Long.MAX_VALUE;
    for (int collection = 0; collection < 3; collection++) {
      System.gc();
      least = Math.min(least, counted(count));
    }
    return least;
  }

  private static long counted(MethodHandle count) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment counts = (MemorySegment) count.invokeExact((SegmentAllocator) arena);
      return counts.get(ValueLayout.JAVA_LONG, MAPPED) + counts.get(ValueLayout.JAVA_LONG, USED);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }
}

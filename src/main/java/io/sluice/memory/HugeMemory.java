package io.sluice.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Memory for weights that are read from end to end at every call, or row by row in any order. On
 * Linux the kernel is asked for pages of 2 MiB, which need five hundred times fewer address
 * translations; elsewhere, or where native access is not allowed, it is ordinary memory. Either way
 * it starts at a multiple of 64 bytes, holds zeros, and is freed with its arena.
 */
public final class HugeMemory {
  private static final long PAGE = 2 << 20;
  private static final long ALIGNMENT = 64;
  private static final int READ_AND_WRITE = 3;
  private static final int PRIVATE_ANONYMOUS = 0x22;
  private static final int ADVISE_HUGE_PAGES = 14;
  private static final int ADVISE_NOT_NEEDED = 4;

  private HugeMemory() {}

  /**
   * {@code bytes} of memory that are freed with {@code arena}.
   *
   * @throws IllegalArgumentException if {@code bytes} is negative
   * @throws IllegalStateException if the arena is closed
   */
  public static MemorySegment allocate(long bytes, Arena arena) {
    if (!arena.scope().isAlive()) {
      throw new IllegalStateException("memory of an arena that is closed");
    }
    if (bytes >= PAGE && Calls.AVAILABLE) {
      MemorySegment mapped = map(bytes, arena);
      if (mapped != null) {
        return mapped;
      }
    }
    return arena.allocate(bytes, ALIGNMENT);
  }

  /** Null if the system refuses. */
  private static MemorySegment map(long bytes, Arena arena) {
    long length = bytes + PAGE;
    try {
      long start =
          (long)
              Calls.MMAP.invokeExact(
                  MemorySegment.NULL, length, READ_AND_WRITE, PRIVATE_ANONYMOUS, -1, 0L);
      if (start == -1) {
        return null;
      }
      long aligned = Math.ceilDiv(start, PAGE) * PAGE;
      // This is only a request: if it is refused, pages are small and nothing else changes.
      int ignored =
          (int)
              Calls.MADVISE.invokeExact(MemorySegment.ofAddress(aligned), bytes, ADVISE_HUGE_PAGES);
      try {
        return MemorySegment.ofAddress(aligned)
            .reinterpret(bytes, arena, memory -> unmap(start, length));
      } catch (RuntimeException e) {
        unmap(start, length);
        throw e;
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("mapping " + bytes + " bytes failed", e);
    }
  }

  /**
   * Takes whole pages of a file that is mapped for reading out of this process's memory, where that
   * is possible. Of other memory the contents would be lost.
   */
  static void giveBack(long start, long bytes) {
    if (!Calls.AVAILABLE) {
      return;
    }
    try {
      // Only a request, too.
      int ignored =
          (int) Calls.MADVISE.invokeExact(MemorySegment.ofAddress(start), bytes, ADVISE_NOT_NEEDED);
    } catch (Throwable e) {
      throw new IllegalStateException("giving back " + bytes + " bytes failed", e);
    }
  }

  private static void unmap(long start, long length) {
    try {
      int ignored = (int) Calls.MUNMAP.invokeExact(MemorySegment.ofAddress(start), length);
    } catch (Throwable e) {
      throw new IllegalStateException("unmapping " + length + " bytes failed", e);
    }
  }

  /** The C library's own functions; looked up only where they may be called without a warning. */
  private static final class Calls {
    static final boolean AVAILABLE =
        System.getProperty("os.name").equals("Linux")
            && HugeMemory.class.getModule().isNativeAccessEnabled();
    static final MethodHandle MMAP =
        of(
            "mmap",
            FunctionDescriptor.of(
                ValueLayout.JAVA_LONG,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_LONG));
    static final MethodHandle MADVISE =
        of(
            "madvise",
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT));
    static final MethodHandle MUNMAP =
        of(
            "munmap",
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));

    private static MethodHandle of(String name, FunctionDescriptor type) {
      if (!AVAILABLE) {
        return null;
      }
      Linker linker = Linker.nativeLinker();
      return linker.downcallHandle(linker.defaultLookup().find(name).orElseThrow(), type);
    }
  }
}

package io.sluice.edges;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Memory that ends where a page begins that nobody may touch, and that vanishes with its arena: an
 * access past its end, or after it was freed, ends the process at once.
 */
final class GuardedMemory {
  private static final long PAGE = 4096;
  private static final int NONE = 0;
  private static final int READ = 1;
  private static final int READ_AND_WRITE = 3;
  private static final int PRIVATE_ANONYMOUS = 0x22;
  private static final MethodHandle MMAP =
      of(
          "mmap",
          FunctionDescriptor.of(
              ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MPROTECT =
      of("mprotect", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
  private static final MethodHandle MUNMAP =
      of("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));

  private GuardedMemory() {}

  private static MethodHandle of(String name, FunctionDescriptor type) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().find(name).orElseThrow(), type);
  }

  /**
   * Memory of an arena.
   *
   * @param fill its first bytes
   * @param readOnly whether the processor itself refuses writes, not the segment alone
   */
  static MemorySegment allocate(Arena arena, long bytes, byte[] fill, boolean readOnly) {
    long whole = Math.max(PAGE, (bytes + PAGE - 1) / PAGE * PAGE);
    try {
      MemorySegment mapped =
          (MemorySegment)
              MMAP.invokeExact(0L, whole + PAGE, READ_AND_WRITE, PRIVATE_ANONYMOUS, -1, 0L);
      if (mapped.address() == -1) {
        throw new OutOfMemoryError("no memory to guard");
      }
      long start = mapped.address();
      MemorySegment all = mapped.reinterpret(whole);
      for (long at = 0; at < bytes && fill.length > 0; at += fill.length) {
        long taken = Math.min(fill.length, bytes - at);
        MemorySegment.copy(MemorySegment.ofArray(fill), 0, all, whole - bytes + at, taken);
      }
      protect(start + whole, PAGE, NONE);
      if (readOnly) {
        protect(start, whole, READ);
      }
      MemorySegment memory =
          MemorySegment.ofAddress(start + whole - bytes)
              .reinterpret(bytes, arena, gone -> unmap(start, whole + PAGE));
      return readOnly ? memory.asReadOnly() : memory;
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static void protect(long start, long bytes, int mode) throws Throwable {
    if ((int) MPROTECT.invokeExact(start, bytes, mode) != 0) {
      throw new IllegalStateException("mprotect failed");
    }
  }

  private static void unmap(long start, long bytes) {
    try {
      int ignored = (int) MUNMAP.invokeExact(start, bytes);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}

package io.sluice.store;

import io.sluice.store.tables.TableFrame;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.apache.arrow.memory.AllocationManager;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.ForeignAllocation;
import org.apache.arrow.memory.ReferenceManager;
import org.apache.arrow.memory.RootAllocator;

/**
 * Converts between Arrow buffers and {@link MemorySegment}s without a copy.
 *
 * <p>Arrow's Java classes reach their memory through {@code java.nio} internals and need {@code
 * --add-opens=java.base/java.nio=ALL-UNNAMED}. Only this class and {@link ArrowVectors} use them;
 * reading and writing stores does not.
 */
public final class ArrowMemory {
  private ArrowMemory() {}

  /**
   * A root allocator whose memory comes from the JDK's own {@link Arena}, aligned to 64 bytes. The
   * caller closes it after everything that was allocated from it.
   */
  public static BufferAllocator newAllocator() {
    return new RootAllocator(
        RootAllocator.configBuilder().allocationManagerFactory(ArenaAllocation.FACTORY).build());
  }

  /**
   * An Arrow buffer over {@code memory}. The segment stays reachable until the buffer is released;
   * its arena must not be closed before that.
   *
   * @param memory native memory; what Arrow writes into a read-only segment is undefined
   * @throws IllegalArgumentException if the memory is on the heap
   */
  public static ArrowBuf buffer(BufferAllocator allocator, MemorySegment memory) {
    if (!memory.isNative()) {
      throw new IllegalArgumentException(
          "an Arrow buffer needs native memory, and this segment is on the heap; allocate it from"
              + " an Arena");
    }
    ArrowBuf buffer = allocator.wrapForeignAllocation(new SegmentAllocation(memory));
    return buffer.writerIndex(memory.byteSize());
  }

  /**
   * The memory of {@code buffer}, its whole capacity. The buffer is retained until {@code arena}
   * closes, which ends the segment too.
   */
  public static MemorySegment segment(ArrowBuf buffer, Arena arena) {
    buffer.getReferenceManager().retain();
    return MemorySegment.ofAddress(buffer.memoryAddress())
        .reinterpret(buffer.capacity(), arena, gone -> buffer.getReferenceManager().release());
  }

  /** Keeps a segment reachable while Arrow refers to it. */
  private static final class SegmentAllocation extends ForeignAllocation {
    private MemorySegment memory;

    SegmentAllocation(MemorySegment memory) {
      super(memory.byteSize(), memory.address());
      this.memory = memory;
    }

    @Override
    protected void release0() {
      memory = null;
    }

    @Override
    public String toString() {
      return "Arrow buffer over " + memory;
    }
  }

  /** An Arrow allocation with its own arena. */
  private static final class ArenaAllocation extends AllocationManager {
    static final Factory FACTORY =
        new Factory() {
          @Override
          public AllocationManager create(BufferAllocator accounting, long size) {
            return new ArenaAllocation(accounting, size);
          }

          @Override
          public ArrowBuf empty() {
            return EMPTY;
          }
        };

    private static final ArrowBuf EMPTY =
        new ArrowBuf(
            ReferenceManager.NO_OP,
            null,
            0,
            Arena.global().allocate(TableFrame.ALIGNMENT, TableFrame.ALIGNMENT).address());

    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;

    private ArenaAllocation(BufferAllocator accounting, long size) {
      super(accounting);
      this.memory = arena.allocate(size, TableFrame.ALIGNMENT);
    }

    @Override
    public long getSize() {
      return memory.byteSize();
    }

    @Override
    protected long memoryAddress() {
      return memory.address();
    }

    @Override
    protected void release0() {
      arena.close();
    }
  }
}

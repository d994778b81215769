package io.sluice.simd;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Native memory by address, for inner loops. A loop over segments is compiled for the kinds of
 * segments that it has met, and again when it meets another; whether all of it then becomes machine
 * code is a matter of luck. Over {@link #ALL}, which is a constant, it is compiled once, in a
 * fraction of the time, and is always fast.
 *
 * <p>What a segment checks at each access, the callers of such a loop check once, with {@link
 * #address}: and they keep the segment reachable until the loop has ended.
 */
final class NativeMemory {
  /** All addresses there are. */
  static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private NativeMemory() {}

  /**
   * Where memory starts.
   *
   * @param bytes how much of it is used
   * @throws IndexOutOfBoundsException if it is smaller
   * @throws IllegalArgumentException if it is on the heap
   * @throws IllegalStateException if it was freed
   */
  static long address(MemorySegment memory, long bytes) {
    return address(memory, 0, bytes);
  }

  /**
   * Where a part of memory starts.
   *
   * @param from bytes before it
   * @param bytes of the part
   * @throws IndexOutOfBoundsException if the memory ends before it, or {@code from} is negative
   * @throws IllegalArgumentException if the memory is on the heap
   * @throws IllegalStateException if the memory was freed
   */
  static long address(MemorySegment memory, long from, long bytes) {
    Objects.checkFromIndexSize(from, bytes, memory.byteSize());
    if (!memory.isNative()) {
      throw new IllegalArgumentException("memory on the heap, where native memory is wanted");
    }
    if (!memory.scope().isAlive()) {
      throw new IllegalStateException("memory that was freed");
    }
    return memory.address() + from;
  }
}

package io.sluice.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Memory for rows, as much as was needed most so far; it goes with this object. */
public final class GrowingMemory {
  private MemorySegment memory = MemorySegment.NULL;

  /** Room for {@code [rows, width]} float32 values. */
  public MemorySegment of(long rows, int width) {
    long bytes = rows * width * Float.BYTES;
    if (memory.byteSize() < bytes) {
      memory = MemorySegment.NULL;
      memory = Arena.ofAuto().allocate(bytes, 64);
    }
    return memory.asSlice(0, bytes);
  }
}

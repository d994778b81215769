package io.sluice.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Native memory that is kept from call to call and replaced when it is too small; what it held is
 * then lost. It starts at a multiple of 64 bytes. One thread at a time may use it.
 */
public final class GrowingMemory {
  private static final long ALIGNMENT = 64;

  private final Arena arena;
  private MemorySegment memory = MemorySegment.NULL;

  /** Memory that goes with this object and with what it has given out. */
  public GrowingMemory() {
    arena = null;
  }

  /** Memory that goes with {@code arena}, which keeps the smaller pieces too until it is closed. */
  public GrowingMemory(Arena arena) {
    this.arena = Objects.requireNonNull(arena, "arena");
  }

  /**
   * Room for {@code [rows, width]} float32 values: the same memory as before where it is enough.
   *
   * @throws IllegalArgumentException if a number is negative or their product too large
   */
  public MemorySegment of(long rows, int width) {
    if (rows < 0 || width < 0 || rows > Long.MAX_VALUE / Float.BYTES / Math.max(1, width)) {
      throw new IllegalArgumentException("memory of " + rows + " rows of " + width + " values");
    }
    return ofBytes(rows * width * Float.BYTES);
  }

  /**
   * Room for {@code bytes}: the same memory as before where it is enough.
   *
   * @throws IllegalArgumentException if {@code bytes} is negative
   */
  public MemorySegment ofBytes(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("memory of " + bytes + " bytes");
    }
    if (memory.byteSize() < bytes) {
      // The smaller piece can be freed before there is the larger one.
      memory = MemorySegment.NULL;
      memory = (arena == null ? Arena.ofAuto() : arena).allocate(bytes, ALIGNMENT);
    }
    return memory.asSlice(0, bytes);
  }
}

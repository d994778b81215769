package io.sluice.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Native memory that is kept from call to call and replaced by a larger piece when it is too small.
 * It starts at a multiple of 64 bytes, and a new piece holds zeros. One thread at a time may use
 * it.
 *
 * <p>Who frees it is chosen when it is made: the garbage collector, as soon as neither this object
 * nor what it has given out is reachable ({@link #GrowingMemory()}, {@link #huge()}), or the owner
 * ({@link #owned()}).
 */
public final class GrowingMemory implements AutoCloseable {
  private static final long ALIGNMENT = 64;

  private final boolean owned;
  private final boolean huge;

  /** The arena of the piece there is; null if the garbage collector frees it. */
  private Arena arena;

  /** Null before the first call. */
  private MemorySegment memory;

  private boolean closed;

  /** Memory that the garbage collector frees; it need not be closed. */
  public GrowingMemory() {
    this(false, false);
  }

  private GrowingMemory(boolean owned, boolean huge) {
    this.owned = owned;
    this.huge = huge;
  }

  /** {@link HugeMemory} that the garbage collector frees; it need not be closed. */
  public static GrowingMemory huge() {
    return new GrowingMemory(false, true);
  }

  /**
   * Memory that is freed when it is replaced, and at last by {@link #close}. Reading what was given
   * out before then throws an {@link IllegalStateException}.
   */
  public static GrowingMemory owned() {
    return new GrowingMemory(true, false);
  }

  /**
   * Memory for {@code [rows, width]} float32 values: the same as before if it is large enough,
   * otherwise new memory, without the old contents.
   *
   * @throws IllegalArgumentException if a number is negative or their product too large
   * @throws IllegalStateException if it is closed
   */
  public MemorySegment of(long rows, int width) {
    if (rows < 0 || width < 0 || rows > Long.MAX_VALUE / Float.BYTES / Math.max(1, width)) {
      throw new IllegalArgumentException("memory of " + rows + " rows of " + width + " values");
    }
    return ofBytes(rows * width * Float.BYTES);
  }

  /**
   * Memory for {@code bytes}: the same as before if it is large enough, otherwise new memory,
   * without the old contents.
   *
   * @throws IllegalArgumentException if {@code bytes} is negative
   * @throws IllegalStateException if it is closed
   */
  public MemorySegment ofBytes(long bytes) {
    if (isTooSmall(bytes)) {
      // The smaller memory can be freed before the larger is allocated.
      free();
      memory = allocate(bytes);
    }
    return memory.asSlice(0, bytes);
  }

  /**
   * As {@link #ofBytes}, but a new piece begins with the first bytes of the old one. It is no
   * larger than asked for: who adds little by little asks for more than it needs.
   *
   * @param kept bytes that stay, at most as many as the last call gave
   * @throws IllegalArgumentException if {@code bytes} is negative, or {@code kept} is more than it
   *     or more than there is
   * @throws IllegalStateException if it is closed
   */
  public MemorySegment extended(long bytes, long kept) {
    long held = memory == null ? 0 : memory.byteSize();
    if (kept < 0 || kept > bytes || kept > held) {
      throw new IllegalArgumentException(
          "memory of %d bytes cannot keep %d of %d".formatted(bytes, kept, held));
    }
    if (isTooSmall(bytes)) {
      MemorySegment old = memory;
      Arena before = arena;
      MemorySegment larger = allocate(bytes);
      if (old != null) {
        MemorySegment.copy(old, 0, larger, 0, kept);
      }
      memory = larger;
      if (before != null) {
        before.close();
      }
    }
    return memory.asSlice(0, bytes);
  }

  private boolean isTooSmall(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("memory of " + bytes + " bytes");
    }
    if (closed) {
      throw new IllegalStateException("this memory is freed: its owner is closed");
    }
    return memory == null || memory.byteSize() < bytes;
  }

  private MemorySegment allocate(long bytes) {
    if (huge) {
      return HugeMemory.allocate(bytes, Arena.ofAuto());
    }
    if (!owned) {
      return Arena.ofAuto().allocate(bytes, ALIGNMENT);
    }
    Arena made = Arena.ofShared();
    try {
      MemorySegment piece = made.allocate(bytes, ALIGNMENT);
      arena = made;
      return piece;
    } catch (Throwable e) {
      made.close();
      throw e;
    }
  }

  private void free() {
    memory = null;
    if (arena != null) {
      Arena old = arena;
      arena = null;
      old.close();
    }
  }

  /** Frees the memory if it is {@link #owned}, else lets go of it. Closing again does nothing. */
  @Override
  public void close() {
    closed = true;
    free();
  }
}

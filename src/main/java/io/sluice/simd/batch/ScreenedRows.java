package io.sluice.simd.batch;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.NativeMemory;
import io.sluice.simd.Panels;
import java.lang.foreign.MemorySegment;

/**
 * The weights of an encoder, projected by a {@link Screen}, {@code [features up to whole tiles,
 * coordinates]}. They may exceed the size of an array, so they are in native memory with 64-bit
 * indices.
 */
final class ScreenedRows {
  private static final int TILE = SparseKernels.TILE_FEATURES;

  private GrowingMemory own = GrowingMemory.huge();
  private MemorySegment memory;
  private int coordinates;

  /** Without memory: {@link #fit} comes first. */
  ScreenedRows() {
    this(MemorySegment.NULL);
  }

  /** In memory of the caller's, as long as it suffices. */
  ScreenedRows(MemorySegment memory) {
    this.memory = memory;
  }

  /** Bytes that so many rows take. */
  static long bytes(int features, int coordinates) {
    long padded = (long) Math.ceilDiv(features, TILE) * TILE;
    return NativeMemory.bytes(padded, (long) coordinates * Float.BYTES);
  }

  /** Makes room; the old contents are lost. */
  void fit(int features, int coordinates) {
    long bytes = bytes(features, coordinates);
    if (memory.byteSize() < bytes) {
      // The old memory can be freed before the new is allocated.
      memory = MemorySegment.NULL;
      memory = own.ofBytes(bytes);
    }
    this.coordinates = coordinates;
  }

  /** Lets go of the memory, if it is not the caller's; {@link #fit} makes it anew. */
  void release() {
    memory = MemorySegment.NULL;
    own = GrowingMemory.huge();
  }

  /**
   * Replaces eight rows.
   *
   * @param place of the first, a multiple of eight
   * @param rows {@code [8, coordinates]}
   */
  void setTile(int place, float[] rows) {
    MemorySegment.copy(rows, 0, memory, Panels.FLOAT, offset(place), TILE * coordinates);
  }

  /** Copies eight rows out, as {@link #setTile} takes them. */
  void tile(int place, float[] rows) {
    MemorySegment.copy(memory, Panels.FLOAT, offset(place), rows, 0, TILE * coordinates);
  }

  private long offset(int place) {
    return (long) place * coordinates * Float.BYTES;
  }
}

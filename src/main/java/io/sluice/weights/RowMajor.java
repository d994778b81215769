package io.sluice.weights;

import io.sluice.memory.HugeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Brings the values of a tensor into row-major order. */
final class RowMajor {
  private RowMajor() {}

  /**
   * The values in row-major order: a part of {@code storage} if they have that order already, else
   * a copy.
   *
   * @param storage values of {@code size} bytes each; those that are named lie inside it
   * @param offset the index of the first value
   * @param shape sizes of the tensor, outermost first
   * @param strides values from one index to the next, by dimension
   * @param size bytes of a value
   */
  static MemorySegment of(
      MemorySegment storage, long offset, long[] shape, long[] strides, long size) {
    long elements = 1;
    boolean plain = true;
    for (int i = shape.length - 1; i >= 0; i--) {
      plain &= shape[i] == 1 || strides[i] == elements;
      elements *= shape[i];
    }
    if (plain || elements == 0) {
      return storage.asSlice(elements == 0 ? 0 : offset * size, elements * size);
    }
    MemorySegment copy = HugeMemory.allocate(elements * size, Arena.ofAuto());
    long[] index = new long[shape.length];
    long from = offset;
    for (long to = 0; to < elements; to++) {
      MemorySegment.copy(storage, from * size, copy, to * size, size);
      for (int i = shape.length - 1; i >= 0; i--) {
        from += strides[i];
        if (++index[i] < shape[i]) {
          break;
        }
        from -= shape[i] * strides[i];
        index[i] = 0;
      }
    }
    return copy;
  }
}

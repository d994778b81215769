package io.sluice.simd.layers;

import java.lang.foreign.MemorySegment;

/** A product of two matrices that lie in native memory as they are, by one thread. */
@FunctionalInterface
public interface StridedProduct {
  /**
   * {@code y = x · W}, or {@code y = x · Wᵀ}.
   *
   * @param x {@code [rows, depth]} float32, a row every {@code xStride} values
   * @param w {@code [depth, columns]}, or {@code [columns, depth]} if it is {@code transposed}, a
   *     row every {@code wStride} values
   * @param y {@code [rows, columns]}, a row every {@code yStride} values
   */
  void multiply(
      MemorySegment x,
      int xStride,
      int rows,
      int depth,
      MemorySegment w,
      int wStride,
      boolean transposed,
      int columns,
      MemorySegment y,
      int yStride);
}

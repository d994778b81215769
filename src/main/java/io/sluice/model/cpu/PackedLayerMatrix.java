package io.sluice.model.cpu;

import io.sluice.memory.Workers;
import io.sluice.model.parts.Linear;
import io.sluice.simd.layers.Nonlinearity;
import io.sluice.simd.layers.PackedMatrix;
import io.sluice.simd.layers.RowProduct;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** A matrix packed for Sluice's own kernels. */
record PackedLayerMatrix(PackedMatrix matrix, RowProduct product) implements LayerMatrix.Repacked {
  /** Packs matrices that read the same, one below the other, and closes their tensors. */
  static PackedLayerMatrix of(List<Linear> parts, RowProduct product, Arena arena) {
    int out = parts.stream().mapToInt(Linear::out).sum();
    int in = parts.getFirst().in();
    PackedMatrix matrix = new PackedMatrix(out, in, arena);
    int first = 0;
    for (Linear part : parts) {
      int count = part.out();
      boolean transposed = part.isTransposed();
      matrix.set(
          first,
          count,
          part.stored().data(),
          transposed ? 1 : in,
          transposed ? count : 1,
          Workers.allCores());
      part.weight().close();
      if (part.bias() != null) {
        matrix.setBias(first, part.bias().toFloats());
        part.bias().close();
      }
      first += count;
    }
    return new PackedLayerMatrix(matrix, product);
  }

  @Override
  public int out() {
    return matrix.out();
  }

  @Override
  public int in() {
    return matrix.in();
  }

  @Override
  public void get(int first, int count, MemorySegment to) {
    matrix.get(first, count, to);
  }

  @Override
  public float[] bias(int first, int count) {
    return matrix.bias(first, count);
  }

  @Override
  public void multiply(MemorySegment x, int rows, MemorySegment y, Workers workers) {
    product.multiply(matrix, x, rows, y, workers);
  }

  @Override
  public void multiply(
      Nonlinearity function, MemorySegment x, int rows, MemorySegment y, Workers workers) {
    product.multiply(matrix, function, x, rows, y, workers);
  }

  @Override
  public void multiplyGated(
      LayerMatrix gate,
      Nonlinearity function,
      MemorySegment x,
      int rows,
      MemorySegment y,
      Workers workers) {
    product.multiplyGated(
        ((PackedLayerMatrix) gate).matrix(), function, matrix, x, rows, y, workers);
  }
}

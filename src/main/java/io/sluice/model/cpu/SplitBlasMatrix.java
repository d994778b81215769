package io.sluice.model.cpu;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import io.sluice.model.parts.Linear;
import io.sluice.simd.layers.RowSplit;
import io.sluice.torch.SplitMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A matrix for LibTorch's BLAS, in two bfloat16 parts; see {@link SplitMatrix}. */
final class SplitBlasMatrix extends StackedMatrix implements LayerMatrix.Repacked {
  private final List<Part> parts = new ArrayList<>();

  /** The parts of the rows that one thread multiplies. */
  private final PerThread<GrowingMemory> rowParts = new PerThread<>(GrowingMemory::new);

  /** A matrix and where its rows begin in the whole one. */
  private record Part(SplitMatrix matrix, int first) {}

  /** Splits matrices that read the same, one below the other, and closes their tensors. */
  SplitBlasMatrix(List<Linear> matrices, Arena arena) {
    super(matrices);
    if (matrices.stream().noneMatch(Linear::isTransposed)) {
      MemorySegment memory = arena.allocate((long) out() * rowBytes(), 64);
      parts.add(new Part(new SplitMatrix(memory, out(), in(), false), 0));
      int first = 0;
      for (Linear matrix : matrices) {
        int out = matrix.out();
        split(matrix, out, in(), memory.asSlice(first * rowBytes()));
        first += out;
      }
      return;
    }
    for (Linear matrix : matrices) {
      // Transposed, all of L comes before all of H.
      int out = matrix.out();
      int first = parts.stream().mapToInt(part -> part.matrix().out()).sum();
      MemorySegment memory = arena.allocate(out * rowBytes(), 64);
      boolean transposed = matrix.isTransposed();
      split(
          matrix, transposed ? 1 : out, transposed ? Math.multiplyExact(out, in()) : in(), memory);
      parts.add(new Part(new SplitMatrix(memory, out, in(), transposed), first));
    }
  }

  private long rowBytes() {
    return 2L * in() * Short.BYTES;
  }

  private static void split(Linear matrix, int rows, int width, MemorySegment to) {
    RowSplit.split(matrix.stored().data(), rows, width, to, false, Workers.allCores());
    matrix.weight().close();
    if (matrix.bias() != null) {
      matrix.bias().close();
    }
  }

  @Override
  MemorySegment read(MemorySegment x, int rows, Workers workers) {
    MemorySegment split = rowParts.get().of(rows, in());
    RowSplit.split(x, rows, in(), split, true, workers);
    return split;
  }

  @Override
  void product(MemorySegment x, int rows, MemorySegment y, boolean add, boolean alone) {
    for (Part part : parts) {
      part.matrix().multiply(x, rows, from(y, part.first()), out(), add, alone);
    }
  }

  /** The sum of both parts, within 2⁻¹⁷ of what was loaded. */
  @Override
  public void get(int first, int count, MemorySegment to) {
    for (int row = 0; row < count; row++) {
      Part part = parts.getFirst();
      for (Part each : parts) {
        part = each.first() <= first + row ? each : part;
      }
      part.matrix().row(first + row - part.first(), to.asSlice(4L * row * in(), 4L * in()));
    }
  }
}

package io.sluice.model.cpu;

import io.sluice.model.parts.Linear;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A matrix for LibTorch's BLAS, which reads the loaded weights in place. */
final class BlasMatrix extends StackedMatrix {
  private final List<Part> parts = new ArrayList<>();

  /** A matrix and where its rows begin in the whole one. */
  private record Part(WeightMatrix matrix, int first) {}

  /**
   * Matrices that read the same, one below the other; their tensors must stay open.
   *
   * @param owner stays open as long
   */
  BlasMatrix(List<Linear> matrices, TensorScope owner) {
    super(matrices);
    int first = 0;
    for (Linear matrix : matrices) {
      boolean transposed = matrix.isTransposed();
      Tensor stored = transposed ? matrix.stored().moveTo(owner) : matrix.weight();
      parts.add(new Part(WeightMatrix.of(stored.data(), matrix.out(), in(), transposed), first));
      first += matrix.out();
    }
  }

  @Override
  void product(MemorySegment x, int rows, MemorySegment y, boolean add, boolean alone) {
    for (Part part : parts) {
      part.matrix().multiply(x, in(), rows, from(y, part.first()), out(), add, alone);
    }
  }
}

package io.sluice.model;

import io.sluice.simd.Nonlinearity;
import io.sluice.simd.PackedMatrix;
import io.sluice.simd.PerThread;
import io.sluice.simd.RowFunction;
import io.sluice.simd.RowProduct;
import io.sluice.simd.Workers;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * A matrix {@code W} and bias {@code b} of a layer: {@code x·Wᵀ + b} for rows {@code x}, {@code
 * [rows, in]} float32. What it gives is {@code [rows, out]}. Several threads may use one at a time.
 */
sealed interface LayerMatrix {
  int out();

  int in();

  /** {@code y = x·Wᵀ + b}; the work is shared by {@code workers}. */
  void multiply(MemorySegment x, int rows, MemorySegment y, Workers workers);

  /** {@code y = f(x·Wᵀ + b)}. */
  void multiply(Nonlinearity function, MemorySegment x, int rows, MemorySegment y, Workers workers);

  /** {@code y = f(x·Gᵀ + c) · (x·Wᵀ + b)}, element by element, for a gate of the same kind. */
  void multiplyGated(
      LayerMatrix gate,
      Nonlinearity function,
      MemorySegment x,
      int rows,
      MemorySegment y,
      Workers workers);

  /** For this library's own kernels, which read it packed. */
  record Packed(PackedMatrix matrix, RowProduct product) implements LayerMatrix {
    /** Packs matrices that read the same, one below the other, and closes their tensors. */
    static Packed of(List<Linear> parts, RowProduct product, Arena arena) {
      int out = parts.stream().mapToInt(Linear::out).sum();
      int in = parts.getFirst().in();
      PackedMatrix matrix = new PackedMatrix(out, in, arena);
      int first = 0;
      for (Linear part : parts) {
        int count = part.out();
        boolean turned = part.isTurned();
        matrix.set(
            first,
            count,
            part.stored().data(),
            turned ? 1 : in,
            turned ? count : 1,
            Workers.allCores());
        part.weight().close();
        if (part.bias() != null) {
          matrix.setBias(first, part.bias().toFloats());
          part.bias().close();
        }
        first += count;
      }
      return new Packed(matrix, product);
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
      product.multiplyGated(((Packed) gate).matrix(), function, matrix, x, rows, y, workers);
    }
  }

  /** For LibTorch's BLAS, which reads the weights where they were loaded. */
  final class Plain implements LayerMatrix {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    private final List<Part> parts = new ArrayList<>();
    private final int in;
    private final int out;
    private final RowFunction functions = new RowFunction();

    /** What a gate gives to one thread. */
    private final PerThread<GrowingMemory> gates = new PerThread<>(GrowingMemory::new);

    /** A matrix and where its rows begin in the whole one. */
    private record Part(WeightMatrix matrix, int first, float[] bias) {}

    /**
     * Matrices that read the same, one below the other; their tensors must stay open.
     *
     * @param owner stays open as long
     */
    Plain(List<Linear> matrices, TensorScope owner) {
      in = matrices.getFirst().in();
      int first = 0;
      for (Linear matrix : matrices) {
        boolean turned = matrix.isTurned();
        Tensor stored = turned ? matrix.stored().moveTo(owner) : matrix.weight();
        parts.add(
            new Part(
                WeightMatrix.of(stored.data(), matrix.out(), in, turned),
                first,
                matrix.bias() == null ? null : matrix.bias().toFloats()));
        first += matrix.out();
      }
      out = first;
    }

    @Override
    public int out() {
      return out;
    }

    @Override
    public int in() {
      return in;
    }

    @Override
    public void multiply(MemorySegment x, int rows, MemorySegment y, Workers workers) {
      for (Part part : parts) {
        MemorySegment from = y.asSlice((long) part.first() * Float.BYTES);
        boolean biased = part.bias() != null;
        for (int row = 0; biased && row < rows; row++) {
          long at = (long) row * out * Float.BYTES;
          MemorySegment.copy(part.bias(), 0, from, FLOAT, at, part.bias().length);
        }
        part.matrix().multiply(x, in, rows, from, out, biased, workers.threads() == 1);
      }
    }

    @Override
    public void multiply(
        Nonlinearity function, MemorySegment x, int rows, MemorySegment y, Workers workers) {
      multiply(x, rows, y, workers);
      functions.apply(function, y, rows, out, workers);
    }

    @Override
    public void multiplyGated(
        LayerMatrix gate,
        Nonlinearity function,
        MemorySegment x,
        int rows,
        MemorySegment y,
        Workers workers) {
      MemorySegment factors = gates.get().of(rows, out);
      gate.multiply(x, rows, factors, workers);
      multiply(x, rows, y, workers);
      functions.applyGate(function, factors, y, rows, out, workers);
    }
  }
}

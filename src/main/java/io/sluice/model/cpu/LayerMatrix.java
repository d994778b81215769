package io.sluice.model.cpu;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import io.sluice.model.parts.Linear;
import io.sluice.simd.layers.Nonlinearity;
import io.sluice.simd.layers.PackedMatrix;
import io.sluice.simd.layers.RowFunction;
import io.sluice.simd.layers.RowProduct;
import io.sluice.simd.layers.RowSplit;
import io.sluice.torch.SplitMatrix;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A matrix {@code W} and bias {@code b} of a layer: {@code x·Wᵀ + b} for rows {@code x}, {@code
 * [rows, in]} float32. What it gives is {@code [rows, out]}. Several threads may use one at a time.
 */
public sealed interface LayerMatrix {
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

  /** One that holds its weights in a form of its own: the tensors they came from are closed. */
  sealed interface Repacked extends LayerMatrix {
    /**
     * Copies rows of {@code W}.
     *
     * @param to {@code [count, in]} float32
     */
    void get(int first, int count, MemorySegment to);

    /** Biases of rows, 0 where there are none. */
    float[] bias(int first, int count);
  }

  /** For this library's own kernels, which read it packed. */
  record Packed(PackedMatrix matrix, RowProduct product) implements Repacked {
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
      product.multiplyGated(((Packed) gate).matrix(), function, matrix, x, rows, y, workers);
    }
  }

  /** For a BLAS: matrices that read the same, one below the other, in whatever form. */
  abstract sealed class Stacked implements LayerMatrix {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    private final int in;
    private final int out;
    private final float[] bias;
    private final RowFunction functions = new RowFunction();

    /** What a gate gives to one thread. */
    private final PerThread<GrowingMemory> gates = new PerThread<>(GrowingMemory::new);

    Stacked(List<Linear> matrices) {
      in = matrices.getFirst().in();
      out = matrices.stream().mapToInt(Linear::out).sum();
      boolean biased = matrices.stream().anyMatch(matrix -> matrix.bias() != null);
      bias = biased ? new float[out] : null;
      int first = 0;
      for (Linear matrix : matrices) {
        if (matrix.bias() != null) {
          System.arraycopy(matrix.bias().toFloats(), 0, bias, first, matrix.out());
        }
        first += matrix.out();
      }
    }

    /**
     * {@code y = x·Wᵀ}, or {@code y += x·Wᵀ}.
     *
     * @param x what {@link #read} has made of the rows
     * @param alone whether the calling thread does all the work
     */
    abstract void product(MemorySegment x, int rows, MemorySegment y, boolean add, boolean alone);

    /** Rows in the form that {@link #product} reads. */
    MemorySegment read(MemorySegment x, int rows, Workers workers) {
      return x;
    }

    @Override
    public int out() {
      return out;
    }

    @Override
    public int in() {
      return in;
    }

    /** Biases of rows, 0 where there are none. */
    public float[] bias(int first, int count) {
      return bias == null ? new float[count] : Arrays.copyOfRange(bias, first, first + count);
    }

    @Override
    public void multiply(MemorySegment x, int rows, MemorySegment y, Workers workers) {
      multiplyRead(read(x, rows, workers), rows, y, workers);
    }

    private void multiplyRead(MemorySegment x, int rows, MemorySegment y, Workers workers) {
      for (int row = 0; bias != null && row < rows; row++) {
        MemorySegment.copy(bias, 0, y, FLOAT, (long) row * out * Float.BYTES, out);
      }
      product(x, rows, y, bias != null, workers.threads() == 1);
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
      MemorySegment read = read(x, rows, workers);
      ((Stacked) gate).multiplyRead(read, rows, factors, workers);
      multiplyRead(read, rows, y, workers);
      functions.applyGate(function, factors, y, rows, out, workers);
    }

    /** Where {@code y} has the rows of a matrix that begins at {@code first}. */
    static MemorySegment from(MemorySegment y, int first) {
      return y.asSlice((long) first * Float.BYTES);
    }
  }

  /** For LibTorch's BLAS, which reads the weights where they were loaded. */
  final class Plain extends Stacked {
    private final List<Part> parts = new ArrayList<>();

    /** A matrix and where its rows begin in the whole one. */
    private record Part(WeightMatrix matrix, int first) {}

    /**
     * Matrices that read the same, one below the other; their tensors must stay open.
     *
     * @param owner stays open as long
     */
    Plain(List<Linear> matrices, TensorScope owner) {
      super(matrices);
      int first = 0;
      for (Linear matrix : matrices) {
        boolean turned = matrix.isTurned();
        Tensor stored = turned ? matrix.stored().moveTo(owner) : matrix.weight();
        parts.add(new Part(WeightMatrix.of(stored.data(), matrix.out(), in(), turned), first));
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

  /** For LibTorch's BLAS, in two bfloat16 parts; see {@link SplitMatrix}. */
  final class Split extends Stacked implements Repacked {
    private final List<Part> parts = new ArrayList<>();

    /** The parts of the rows that one thread multiplies. */
    private final PerThread<GrowingMemory> rowParts = new PerThread<>(GrowingMemory::new);

    /** A matrix and where its rows begin in the whole one. */
    private record Part(SplitMatrix matrix, int first) {}

    /** Splits matrices that read the same, one below the other, and closes their tensors. */
    Split(List<Linear> matrices, Arena arena) {
      super(matrices);
      if (matrices.stream().noneMatch(Linear::isTurned)) {
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
        // Turned, all of L stands before all of H, as if it were one row.
        int out = matrix.out();
        int first = parts.stream().mapToInt(part -> part.matrix().out()).sum();
        MemorySegment memory = arena.allocate(out * rowBytes(), 64);
        boolean turned = matrix.isTurned();
        split(matrix, turned ? 1 : out, turned ? Math.multiplyExact(out, in()) : in(), memory);
        parts.add(new Part(new SplitMatrix(memory, out, in(), turned), first));
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
}

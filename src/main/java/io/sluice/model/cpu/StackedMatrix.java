package io.sluice.model.cpu;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import io.sluice.model.parts.Linear;
import io.sluice.simd.layers.Nonlinearity;
import io.sluice.simd.layers.RowFunction;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/**
 * A matrix for a BLAS, made of the matrices that are multiplied by the same rows, one below the
 * other. Subclasses choose the format of the values, and multiply.
 */
abstract sealed class StackedMatrix implements LayerMatrix permits BlasMatrix, SplitBlasMatrix {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final int in;
  private final int out;
  private final float[] bias;
  private final RowFunction functions = new RowFunction();

  /** Results of a gate, for one thread. */
  private final PerThread<GrowingMemory> gates = new PerThread<>(GrowingMemory::new);

  StackedMatrix(List<Linear> matrices) {
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
    ((StackedMatrix) gate).multiplyRead(read, rows, factors, workers);
    multiplyRead(read, rows, y, workers);
    functions.applyGate(function, factors, y, rows, out, workers);
  }

  /** Where {@code y} has the rows of a matrix that begins at {@code first}. */
  static MemorySegment from(MemorySegment y, int first) {
    return y.asSlice((long) first * Float.BYTES);
  }
}

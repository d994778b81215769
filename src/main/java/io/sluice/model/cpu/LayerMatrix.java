package io.sluice.model.cpu;

import io.sluice.memory.Workers;
import io.sluice.simd.layers.Nonlinearity;
import java.lang.foreign.MemorySegment;

/**
 * A matrix {@code W} and bias {@code b} of a layer: {@code x·Wᵀ + b} for rows {@code x}, {@code
 * [rows, in]} float32. The result is {@code [rows, out]}. Several threads may use one at a time.
 */
public sealed interface LayerMatrix permits LayerMatrix.Repacked, StackedMatrix {
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
  sealed interface Repacked extends LayerMatrix permits PackedLayerMatrix, SplitBlasMatrix {
    /**
     * Copies rows of {@code W}.
     *
     * @param to {@code [count, in]} float32
     */
    void get(int first, int count, MemorySegment to);

    /** Biases of rows, 0 where there are none. */
    float[] bias(int first, int count);
  }
}

package io.sluice.simd.layers;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.LiveMemory;
import io.sluice.memory.NativeMemory;
import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.IntConsumer;

/**
 * The function of an MLP over whole rows, for products that do not apply it themselves. An object
 * may be used by several threads at a time.
 */
public final class RowFunction {
  private final LayerKernels kernels = LayerKernels.ofThisMachine();

  /** Scratch memory of a thread for one row, which stays in the first-level cache. */
  private final PerThread<GrowingMemory> scratch = new PerThread<>(GrowingMemory::new);

  /**
   * {@code x = f(x)}.
   *
   * @param x {@code [rows, width]} float32, native
   * @param workers who share the work
   * @throws IndexOutOfBoundsException if the memory is too small
   * @throws IllegalArgumentException if it is on the heap or may only be read, or {@code width} is
   *     not positive
   * @throws IllegalStateException if it was freed
   */
  public void apply(Nonlinearity function, MemorySegment x, int rows, int width, Workers workers) {
    run(function, x, null, rows, width, workers);
  }

  /**
   * {@code y = f(gate) · y}, element by element; {@code gate} becomes {@code f(gate)}.
   *
   * @param gate {@code [rows, width]} float32, native
   * @param y of the same shape
   * @throws IndexOutOfBoundsException as {@link #apply}
   */
  public void applyGate(
      Nonlinearity function,
      MemorySegment gate,
      MemorySegment y,
      int rows,
      int width,
      Workers workers) {
    Objects.requireNonNull(y, "y");
    run(function, gate, y, rows, width, workers);
  }

  private void run(
      Nonlinearity function,
      MemorySegment x,
      MemorySegment factors,
      int rows,
      int width,
      Workers workers) {
    Objects.requireNonNull(function, "function");
    NativeMemory.requireShape(rows, width);
    long rowBytes = (long) width * Float.BYTES;
    long at = NativeMemory.written(x, rows, rowBytes);
    boolean gated = factors != null;
    MemorySegment also = gated ? factors : x;
    long by = NativeMemory.written(also, rows, rowBytes);
    IntConsumer some =
        task -> {
          int end = Math.min(rows, (task + 1) * RowNorm.TASK_ROWS);
          long exponents = scratch.get().of(1, width).address();
          for (int row = task * RowNorm.TASK_ROWS; row < end; row++) {
            long place = at + row * rowBytes;
            kernels.apply(function, place, rowBytes, 1, width, exponents);
            if (gated) {
              kernels.multiply(by + row * rowBytes, rowBytes, place, 1, width);
            }
          }
        };
    LiveMemory.during(() -> workers.run(Math.ceilDiv(rows, RowNorm.TASK_ROWS), some), x, also);
  }
}

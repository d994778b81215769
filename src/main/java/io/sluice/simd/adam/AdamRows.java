package io.sluice.simd.adam;

import io.sluice.memory.DType;
import io.sluice.memory.LiveMemory;
import io.sluice.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * A row-major float32 matrix and its two moments, in float32 or bfloat16, updated by Adam row by
 * row. The memory belongs to the caller, who may free it at any time except during a {@link
 * Session}.
 *
 * <p>Keeping the memory open takes longer than the update of a short row, so a session is opened
 * once for many rows. Several threads may have sessions over the same matrices; the callers must
 * not let two threads update the same row.
 */
public final class AdamRows {
  private final AdamKernel kernel;
  private final MemorySegment value;
  private final MemorySegment first;
  private final MemorySegment second;
  private final int rows;
  private final int width;
  private final boolean rounded;
  private final int number;

  /**
   * Checks the memory, which is not copied.
   *
   * @param value {@code [rows, width]}, native
   * @param first the first moments, of the same shape
   * @param second the second moments, of the same shape
   * @throws IndexOutOfBoundsException if memory is too small
   * @throws IllegalArgumentException if {@code rows} or {@code width} is not positive, or memory is
   *     on the heap or may only be read
   * @throws IllegalStateException if memory was freed
   */
  public AdamRows(
      MemorySegment value, MemorySegment first, MemorySegment second, int rows, int width) {
    this(AdamKernel.ofThisMachine(), value, first, second, rows, width, DType.F32, 0);
  }

  /**
   * The same with moments of a type.
   *
   * @param moments {@link DType#F32}, or {@link DType#BF16} for moments that are rounded by {@link
   *     StochasticRounding} when they are stored
   * @param number what tells the random bits of this matrix from those of others
   * @throws IllegalArgumentException also for another type
   */
  public AdamRows(
      MemorySegment value,
      MemorySegment first,
      MemorySegment second,
      int rows,
      int width,
      DType moments,
      int number) {
    this(AdamKernel.ofThisMachine(), value, first, second, rows, width, moments, number);
  }

  AdamRows(
      AdamKernel kernel,
      MemorySegment value,
      MemorySegment first,
      MemorySegment second,
      int rows,
      int width,
      DType moments,
      int number) {
    if (rows < 1 || width < 1) {
      throw new IllegalArgumentException("a matrix of [" + rows + ", " + width + "]");
    }
    this.kernel = kernel;
    this.value = value;
    this.first = first;
    this.second = second;
    this.rows = rows;
    this.width = width;
    if (moments != DType.F32 && moments != DType.BF16) {
      throw new IllegalArgumentException("moments are float32 or bfloat16, not " + moments.label());
    }
    this.rounded = moments == DType.BF16;
    this.number = number;
    NativeMemory.written(value, rows, (long) width * Float.BYTES);
    NativeMemory.written(first, rows, (long) width * moments.bytes());
    NativeMemory.written(second, rows, (long) width * moments.bytes());
  }

  /**
   * The numbers of a step that are the same for every row.
   *
   * @param gain1 {@code 1 − β₁}
   * @param gain2 {@code 1 − β₂}
   * @param rate learning rate over {@code 1 − β₁ᵗ}
   * @param correction one over the root of {@code 1 − β₂ᵗ}
   * @param epsilon ε
   * @param step t, from which the random bits follow where moments are bfloat16
   */
  public record Factors(
      float gain1, float gain2, float rate, float correction, float epsilon, long step) {}

  /**
   * Does work in the calling thread while the memory of some matrices is kept alive.
   *
   * @param body given a session of this thread, which ends when it returns
   * @throws IllegalStateException if memory was freed
   */
  public static void during(Consumer<Session> body, AdamRows... matrices) {
    AdamRows[] own = matrices.clone();
    MemorySegment[] memory = new MemorySegment[3 * own.length];
    for (int i = 0; i < own.length; i++) {
      memory[3 * i] = own[i].value;
      memory[3 * i + 1] = own[i].first;
      memory[3 * i + 2] = own[i].second;
    }
    LiveMemory.during(
        () -> {
          Session session = new Session(own);
          try {
            body.accept(session);
          } finally {
            session.thread = null;
          }
        },
        memory);
  }

  /** Leave to move rows of some matrices, for one thread and as long as {@link #during} runs. */
  public static final class Session {
    private final AdamRows[] matrices;
    private Thread thread = Thread.currentThread();

    private Session(AdamRows[] matrices) {
      this.matrices = matrices;
    }

    /**
     * One step of Adam on one row: {@code m = decay₁·m + gain₁·g}, {@code v = decay₂·v + gain₂·g²},
     * {@code p −= rate · m / (√v · correction + ε)}. A moment that has become too small to matter
     * is set to zero, so that no denormal number is ever computed with.
     *
     * @param matrix which of the session's matrices, counted from 0
     * @param gradient the row's gradient, of at least the matrix's width, or null for zero
     * @param decay1 the factor of the first moment: β₁ to the power of the steps since its last
     *     update
     * @param decay2 the same for the second moment
     * @throws IndexOutOfBoundsException if there is no such matrix or row, or the gradient is
     *     shorter
     * @throws IllegalStateException if the session has ended or is another thread's
     */
    public void step(
        int matrix, int row, float[] gradient, float decay1, float decay2, Factors factors) {
      if (thread != Thread.currentThread()) {
        throw new IllegalStateException("a session that has ended, or is another thread's");
      }
      AdamRows its = matrices[matrix];
      long place = (long) Objects.checkIndex(row, its.rows) * its.width * Float.BYTES;
      Objects.requireNonNull(factors);
      if (gradient != null) {
        Objects.checkFromIndexSize(0, its.width, gradient.length);
      }
      if (its.rounded) {
        its.kernel.adamRounded(
            its.value.address() + place,
            its.first.address() + place / 2,
            its.second.address() + place / 2,
            its.width,
            gradient,
            decay1,
            decay2,
            factors,
            StochasticRounding.rowKey(StochasticRounding.stepKey(factors.step(), its.number), row));
        return;
      }
      its.kernel.adam(
          its.value.address() + place,
          its.first.address() + place,
          its.second.address() + place,
          its.width,
          gradient,
          decay1,
          decay2,
          factors);
    }
  }
}

package io.sluice.evaluation;

import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The positions of each context that are replaced while a model runs: those from a first one on.
 * Extracts them from an activation as rows, and writes rows back.
 *
 * @param from the first position that is replaced, at least 0
 */
public record ReplacedPositions(int from) {
  /**
   * Checks the position.
   *
   * @throws IllegalArgumentException if it is negative
   */
  public ReplacedPositions {
    if (from < 0) {
      throw new IllegalArgumentException("the first position is " + from);
    }
  }

  /**
   * Whether contexts are too short to have any.
   *
   * @param activation {@code [contexts, length, width]}
   */
  public boolean areNone(Tensor activation) {
    return from >= activation.size(1);
  }

  /**
   * Extracts these positions of an activation.
   *
   * @param activation {@code [contexts, length, width]}
   * @return {@code [contexts, length - from, width]}, a view
   */
  public Tensor of(Tensor activation) {
    return from == 0 ? activation : activation.narrow(1, from, activation.size(1) - from);
  }

  /** These positions of all contexts as float32 {@code [n, width]}, where the activation is. */
  Tensor rows(Tensor activation) {
    return of(activation).to(DType.F32).reshape(-1, activation.size(2)).contiguous();
  }

  /** The same, copied into host memory of {@code arena}. */
  Rows hostRows(Tensor activation, Arena arena) {
    return copy(rows(activation), arena);
  }

  /**
   * A copy in host memory of {@code arena}.
   *
   * @param rows float32 {@code [n, width]}
   */
  static Rows copy(Tensor rows, Arena arena) {
    int count = Math.toIntExact(rows.size(0));
    int width = Math.toIntExact(rows.size(1));
    MemorySegment memory = arena.allocate((long) count * width * Float.BYTES, 64);
    rows.copyTo(memory);
    return new Rows(memory, DType.F32, count, width);
  }

  /**
   * Returns the activation with these positions replaced.
   *
   * @param values for all of them, {@code [n, width]} or of the shape of {@link #of}
   * @return of the activation's shape and type, on its device
   */
  public Tensor put(Tensor activation, Tensor values) {
    Tensor result =
        values.to(activation.device()).to(activation.dtype()).reshape(of(activation).shape());
    return from == 0
        ? result
        : ShapeOperators.cat(List.of(activation.narrow(1, 0, from), result), 1);
  }
}

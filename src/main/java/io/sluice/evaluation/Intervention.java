package io.sluice.evaluation;

import io.sluice.memory.DType;
import io.sluice.model.Hook;
import io.sluice.model.HookPoint;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import java.util.List;

/**
 * Replaces an activation while a model runs, to measure the effect on its loss. It works on the
 * device of the activation, in float32, and owns memory until it is closed.
 *
 * <p>The first positions of each context can be left unchanged: statistics leave out the first
 * token of causal models, an attention sink, so replacements computed from them are not valid
 * there.
 */
public abstract sealed class Intervention implements Hook, AutoCloseable
    permits SubspaceProjection, DictionaryReconstruction, Transcoding {
  private final int width;
  private final int from;

  /**
   * @param width of the activations
   * @param from the first position that is replaced, at least 0
   */
  Intervention(int width, int from) {
    if (from < 0) {
      throw new IllegalArgumentException("the first position is " + from);
    }
    this.width = width;
    this.from = from;
  }

  /**
   * The replacement of the rows.
   *
   * @param rows {@code [n, width]}, float32
   * @return the same shape, in the innermost scope
   */
  abstract Tensor replaced(Tensor rows);

  @Override
  public final Tensor apply(HookPoint point, Tensor activation) {
    long length = activation.size(1);
    if (activation.size(2) != width) {
      throw new IllegalArgumentException(
          point + " is " + activation.size(2) + " wide, but the replacement has width " + width);
    }
    if (from >= length) {
      return activation;
    }
    return put(activation, from, replaced(rows(later(activation, from))));
  }

  /**
   * The activation with positions from {@code from} on replaced.
   *
   * @param rows the new rows, float32 {@code [n, width]}, on the activation's device
   */
  static Tensor put(Tensor activation, int from, Tensor rows) {
    Tensor result = rows.to(activation.dtype()).reshape(later(activation, from).shape());
    return from == 0
        ? result
        : ShapeOperators.cat(List.of(activation.narrow(1, 0, from), result), 1);
  }

  /** The positions from {@code from} on. */
  static Tensor later(Tensor activation, int from) {
    return from == 0 ? activation : activation.narrow(1, from, activation.size(1) - from);
  }

  /** All positions of all contexts as float32 {@code [n, width]}. */
  static Tensor rows(Tensor activation) {
    return activation.to(DType.F32).reshape(-1, activation.size(2)).contiguous();
  }

  /** Frees its memory. */
  @Override
  public abstract void close();
}

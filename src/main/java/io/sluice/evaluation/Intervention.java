package io.sluice.evaluation;

import io.sluice.model.Hook;
import io.sluice.model.HookPoint;
import io.sluice.torch.Tensor;

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
  private final ReplacedPositions positions;

  /**
   * @param width of the activations
   * @param from the first position that is replaced, at least 0
   */
  Intervention(int width, int from) {
    this.width = width;
    this.positions = new ReplacedPositions(from);
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
    if (activation.size(2) != width) {
      throw new IllegalArgumentException(
          point + " is " + activation.size(2) + " wide, but the replacement has width " + width);
    }
    return positions.areNone(activation)
        ? activation
        : positions.put(activation, replaced(positions.rows(activation)));
  }

  /** The positions of each context that are replaced. */
  final ReplacedPositions positions() {
    return positions;
  }

  /** Frees its memory. */
  @Override
  public abstract void close();
}

package io.sluice.model;

import io.sluice.torch.Tensor;

/** Observes or replaces an activation while a model runs. */
@FunctionalInterface
public interface Hook {
  /**
   * Called by the forward pass when the activation of {@code point} is computed, before anything
   * reads it.
   *
   * @param point where
   * @param activation {@code [batch, length, width]}, of the model's type, on its device,
   *     contiguous; to be left unchanged. It is freed when its layer is done: copy what is needed
   *     later, or move the tensor to a scope of your own
   * @return what the model continues with: {@code activation} itself, or another tensor of the same
   *     shape, element type and device
   */
  Tensor apply(HookPoint point, Tensor activation);
}

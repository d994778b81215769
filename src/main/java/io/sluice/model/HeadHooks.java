package io.sluice.model;

import io.sluice.torch.Tensor;

/**
 * Calls hooks at the queries, keys and values of a layer, which attention has head by head and
 * hooks side by side.
 *
 * @param hooks what to do at hook points
 * @param layer number of the layer
 */
public record HeadHooks(Hooks hooks, int layer) {
  /**
   * Runs the hooks of one kind; without any, nothing is computed.
   *
   * @param heads {@code [batch, length, heads, headDim]}
   * @return the same, or what replaces it, of the same shape
   */
  public Tensor at(HookKind kind, Tensor heads) {
    if (!hooks.isAt(new HookPoint(layer, kind))) {
      return heads;
    }
    long width = heads.size(2) * heads.size(3);
    // A copy: heads may lie apart in memory, and a hook may keep its tensor.
    Tensor rows = heads.copy().reshape(heads.size(0), heads.size(1), width).contiguous();
    return hooks.at(layer, kind, rows).reshape(heads.shape());
  }
}

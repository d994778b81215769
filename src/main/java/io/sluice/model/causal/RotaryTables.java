package io.sluice.model.causal;

import io.sluice.memory.DType;
import io.sluice.model.rotary.RotaryTable;
import io.sluice.torch.Device;
import io.sluice.torch.TensorScope;

/**
 * The rotary embeddings of a model's layers.
 *
 * @param plain of layers that see everything before; null where positions are learned
 * @param windowed of layers with a window; the same object where all layers rotate alike
 */
record RotaryTables(RotaryTable plain, RotaryTable windowed) {
  /**
   * @param owner the scope that the tables will belong to
   */
  static RotaryTables of(AttentionConfig config, DType dtype, Device device, TensorScope owner) {
    if (config.rotary() == null) {
      return new RotaryTables(null, null);
    }
    RotaryTable plain = new RotaryTable(config.rotary(), config.headDim(), dtype, device, owner);
    return new RotaryTables(
        plain,
        config.windowedRotary() == config.rotary()
            ? plain
            : new RotaryTable(config.windowedRotary(), config.headDim(), dtype, device, owner));
  }

  /** That of a layer with this window, 0 for none; null where positions are learned. */
  RotaryTable of(int window) {
    return window > 0 ? windowed : plain;
  }

  /** Makes sure that there are angles for positions below {@code length}. */
  void reach(int length) {
    if (plain != null) {
      plain.reach(length);
      windowed.reach(length);
    }
  }
}

package io.sluice.model;

import io.sluice.simd.RotaryAngles;
import io.sluice.torch.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.HashMap;
import java.util.Map;

/** What all layers of one forward pass share: how far queries see. */
final class CausalPass {
  private final int size;
  private final int length;
  private final DType dtype;
  private final Device device;
  private final TensorScope owner;
  private final Map<Integer, Tensor> masks = new HashMap<>();

  /**
   * @param size number of contexts
   * @param length tokens per context
   * @param owner the scope that lives as long as the pass
   */
  CausalPass(int size, int length, DType dtype, Device device, TensorScope owner) {
    this.size = size;
    this.length = length;
    this.dtype = dtype;
    this.device = device;
    this.owner = owner;
  }

  /**
   * The same for the vector kernels.
   *
   * @param rotary null where positions are learned
   * @param last after which hook point nothing is wanted; null if the result is
   */
  VectorLayers.Pass vector(RotaryTable rotary, Hooks hooks, HookPoint last) {
    RotaryAngles angles = rotary == null ? null : rotary.angles();
    return VectorLayers.Pass.causal(size, length, angles, hooks, last);
  }

  /** Whether a window of this size hides none of the tokens before a query. */
  boolean isPlain(int window) {
    return window == 0 || window >= length;
  }

  /**
   * What is added to attention scores, {@code [length, length]}: 0 where query {@code i} sees key
   * {@code j}, so for {@code i − window < j ≤ i}, else −∞. Made once per pass.
   *
   * @param window how many tokens a query sees, itself included; 0 for all before it
   */
  Tensor mask(int window) {
    int reach = isPlain(window) ? length : window;
    return masks.computeIfAbsent(reach, this::newMask);
  }

  private Tensor newMask(int reach) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor places = Tensor.arange(0, length, device).to(DType.F32);
      Tensor back = places.unsqueeze(1).sub(places.unsqueeze(0));
      Tensor zero = Tensor.zeros(dtype, device, 1);
      Tensor hidden = Tensor.full(Double.NEGATIVE_INFINITY, dtype, device, 1);
      Tensor seen = back.lt(Tensor.scalar(reach, DType.F32, device)).where(zero, hidden);
      return back.lt(Tensor.scalar(0, DType.F32, device)).where(hidden, seen).moveTo(owner);
    }
  }
}

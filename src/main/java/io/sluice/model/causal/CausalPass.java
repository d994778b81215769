package io.sluice.model.causal;

import io.sluice.memory.DType;
import io.sluice.model.Hooks;
import io.sluice.model.cpu.CpuPass;
import io.sluice.model.cpu.KeyValueCache;
import io.sluice.simd.layers.RotaryAngles;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The data that all layers of one forward pass share: the attention masks, and cached keys and
 * values.
 */
final class CausalPass {
  private final int size;
  private final int length;
  private final KeyValueCache cache;
  private final int before;
  private final DType dtype;
  private final Device device;
  private final TensorScope owner;
  private final Map<Integer, Tensor> masks = new HashMap<>();

  /**
   * @param size number of contexts
   * @param length tokens per context
   * @param cache the tokens before them, which this pass adds to; null where there are none
   * @param owner the scope that lives as long as the pass
   */
  CausalPass(
      int size, int length, KeyValueCache cache, DType dtype, Device device, TensorScope owner) {
    this.size = size;
    this.length = length;
    this.cache = cache;
    this.before = cache == null ? 0 : cache.length();
    this.dtype = dtype;
    this.device = device;
    this.owner = owner;
  }

  /** The same pass for the layers on the CPU. */
  CpuPass onCpu(List<CausalLayer> layers, Hooks hooks) {
    List<RotaryAngles> angles =
        layers.getFirst().attention().rotary() == null
            ? null
            : layers.stream().map(layer -> layer.attention().rotary().angles()).toList();
    return cache == null
        ? CpuPass.causal(size, length, angles, hooks)
        : CpuPass.continuing(cache, length, angles, hooks);
  }

  /** The position of the first token of this pass. */
  int before() {
    return before;
  }

  /** Adds keys and values to the cache, if there is one, and returns all of the text so far. */
  KeyValueCache.KeyValues keep(int layer, Tensor keys, Tensor values) {
    return cache == null
        ? new KeyValueCache.KeyValues(keys, values)
        : cache.append(layer, keys, values);
  }

  /** Whether LibTorch's causal attention computes the same as one with a window of this size. */
  boolean isPlain(int window) {
    return before == 0 && reachesAll(window);
  }

  /** Whether a query of this pass sees every key there is: it is the last token. */
  boolean seesAll(int window) {
    return length == 1 && reachesAll(window);
  }

  private boolean reachesAll(int window) {
    return window == 0 || window >= before + length;
  }

  /**
   * The mask that is added to attention scores, {@code [length, before + length]}: 0 where the
   * query at position {@code i} attends to key {@code j}, that is for {@code i − window < j ≤ i},
   * else −∞. Made once per pass.
   *
   * @param window how many tokens a query attends to, itself included; 0 for all before it
   */
  Tensor mask(int window) {
    int reach = reachesAll(window) ? before + length : window;
    return masks.computeIfAbsent(reach, this::newMask);
  }

  private Tensor newMask(int reach) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor keys = Tensor.arange(0, before + length, device).to(DType.F32);
      Tensor back = keys.narrow(0, before, length).unsqueeze(1).sub(keys.unsqueeze(0));
      Tensor zero = Tensor.zeros(dtype, device, 1);
      Tensor hidden = Tensor.full(Double.NEGATIVE_INFINITY, dtype, device, 1);
      Tensor seen = back.lt(Tensor.scalar(reach, DType.F32, device)).where(zero, hidden);
      return back.lt(Tensor.scalar(0, DType.F32, device)).where(hidden, seen).moveTo(owner);
    }
  }
}

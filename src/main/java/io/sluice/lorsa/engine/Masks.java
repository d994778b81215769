package io.sluice.lorsa.engine;

import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.Arrays;

/** Masks that are added to attention scores: 0 where a query attends to a key, else −∞. */
final class Masks {
  private final LorsaSpec spec;
  private final Device device;
  private final TensorScope owner;
  private Tensor causal;

  /**
   * @param owner the scope that what is kept will belong to
   */
  Masks(LorsaSpec spec, Device device, TensorScope owner) {
    this.spec = spec;
    this.device = device;
    this.owner = owner;
  }

  /**
   * The mask of a batch, which broadcasts to {@code [contexts, groups, length, length]}. A causal
   * one needs none for padding: no token that counts sees what comes after it.
   */
  Tensor of(LorsaBatch batch) {
    int length = batch.length();
    if (!spec.causal()) {
      return padding(batch.lengths(), length);
    }
    if (causal == null || causal.size(0) != length) {
      if (causal != null) {
        causal.close();
      }
      causal = causal(length).moveTo(owner);
    }
    return causal;
  }

  private Tensor padding(int[] lengths, int length) {
    float[] mask = new float[Math.multiplyExact(lengths.length, length)];
    for (int i = 0; i < lengths.length; i++) {
      Arrays.fill(mask, i * length + lengths[i], (i + 1) * length, Float.NEGATIVE_INFINITY);
    }
    return Tensor.ofFloats(mask, lengths.length, 1, 1, length).to(device);
  }

  private Tensor causal(int length) {
    float[] mask = new float[Math.multiplyExact(length, length)];
    for (int query = 0; query < length; query++) {
      int first = spec.window() == 0 ? 0 : Math.max(0, query - spec.window() + 1);
      Arrays.fill(mask, query * length, query * length + first, Float.NEGATIVE_INFINITY);
      Arrays.fill(mask, query * length + query + 1, (query + 1) * length, Float.NEGATIVE_INFINITY);
    }
    return Tensor.ofFloats(mask, length, length).to(device);
  }
}

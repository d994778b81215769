package io.sluice.model.bert;

import io.sluice.memory.DType;
import io.sluice.model.TokenBatch;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.HashMap;
import java.util.Map;

/** The attention masks that the layers of one forward pass share. */
final class EncoderPass {
  private final TokenBatch batch;
  private final Device device;
  private final TensorScope owner;
  private final Map<Integer, Tensor> masks = new HashMap<>();

  /**
   * @param owner the scope that lives as long as the pass
   */
  EncoderPass(TokenBatch batch, Device device, TensorScope owner) {
    this.batch = batch;
    this.device = device;
    this.owner = owner;
  }

  /**
   * What is added to attention scores, {@code [batch or 1, 1, length or 1, length]}: −∞ where a
   * query does not attend to a key, else 0; null if every query attends to every key.
   *
   * @param window a query attends to keys that are nearer than this, in both directions; 0 for all
   */
  Tensor mask(int window) {
    boolean all = window == 0 || window >= batch.length();
    if (all && !batch.isPadded()) {
      return null;
    }
    return masks.computeIfAbsent(
        all ? 0 : window,
        reach -> {
          try (TensorScope scope = TensorScope.open()) {
            return (reach == 0 ? padding() : near(reach)).moveTo(owner);
          }
        });
  }

  private Tensor padding() {
    return Tensor.ofFloats(batch.scoreMask(), batch.size(), 1, 1, batch.length()).to(device);
  }

  /** Queries in the padding attend to all, so that there is none that attends to nothing. */
  private Tensor near(int window) {
    Tensor places = Tensor.arange(0, batch.length(), device).to(DType.F32);
    Tensor distance = places.unsqueeze(1).sub(places.unsqueeze(0)).abs();
    Tensor shown = Tensor.zeros(DType.F32, device, 1);
    Tensor hidden = Tensor.full(Double.NEGATIVE_INFINITY, DType.F32, device, 1);
    Tensor far =
        distance
            .lt(Tensor.scalar(window, DType.F32, device))
            .where(shown, hidden)
            .reshape(1, 1, batch.length(), batch.length());
    if (!batch.isPadded()) {
      return far;
    }
    float[] lengths = new float[batch.size()];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = batch.length(i);
    }
    Tensor texts = Tensor.ofFloats(lengths, batch.size(), 1, 1, 1).to(device);
    Tensor isText = places.reshape(1, 1, batch.length(), 1).lt(texts);
    return isText.where(far.add(padding()), shown);
  }
}

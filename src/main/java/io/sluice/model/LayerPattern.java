package io.sluice.model;

import io.sluice.memory.DType;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The attention pattern of a layer: how much of each key's value each query takes, per head. It is
 * computed when it is asked for, from {@code q} and {@code k}; it is no hook point, since its width
 * depends on the context, and the kernels of attention never hold it as a whole.
 *
 * <pre>{@code
 * LayerPattern pattern = new LayerPattern(model, 5);
 * try (TensorScope scope = TensorScope.open()) {
 *   float[] weights = pattern.of(batch).toFloats(); // [size, heads, length, length]
 * }
 * }</pre>
 */
public final class LayerPattern {
  private final Transformer model;
  private final int layer;
  private final int groups;
  private final double scale;
  private final double cap;
  private final int window;
  private final boolean causal;

  /**
   * The pattern of a layer of a model, which must stay open.
   *
   * @throws IndexOutOfBoundsException if there is no such layer
   */
  public LayerPattern(Transformer model, int layer) {
    this.model = model;
    this.layer = layer;
    try (TensorScope scope = TensorScope.open()) {
      LayerAttention attention = model.attention(layer);
      this.groups = attention.keyValueHeads();
      this.scale = attention.scale();
      this.cap = attention.cap();
      this.window = attention.window();
      this.causal = attention.causal();
    }
  }

  /**
   * Runs the model as far as the layer's queries and keys.
   *
   * @return float32 {@code [size, heads, length, length]}, on the model's device, in the caller's
   *     innermost scope: at {@code [b, h, t, s]} the weight with which head {@code h} adds the
   *     value of token {@code s} at token {@code t}, 0 where {@code t} does not attend to {@code
   *     s}. Rows of padding have no meaning
   * @throws IllegalArgumentException as {@link Transformer#forward}
   * @throws IllegalStateException as {@link Transformer#forward}
   */
  public Tensor of(TokenBatch batch) {
    Map<HookKind, Tensor> seen = new EnumMap<>(HookKind.class);
    List<HookPoint> points =
        List.of(new HookPoint(layer, HookKind.Q), new HookPoint(layer, HookKind.K));
    try (TensorScope kept = TensorScope.detached()) {
      model.observe(
          batch,
          Hooks.none()
              .observe(
                  points,
                  (point, x) -> seen.put(point.kind(), x.to(DType.F32).copy().moveTo(kept))));
      Tensor weights;
      try (TensorScope scope = TensorScope.open()) {
        weights = weights(batch, seen.get(HookKind.Q), seen.get(HookKind.K)).moveTo(kept);
      }
      return weights.to(weights.device());
    }
  }

  private Tensor weights(TokenBatch batch, Tensor queries, Tensor keys) {
    long size = batch.size();
    long length = batch.length();
    long heads = model.shape().heads();
    long dim = model.shape().headDim();
    // [size, groups, perGroup, length, headDim] with [size, groups, 1, headDim, length]
    Tensor query =
        queries
            .reshape(size, length, heads, dim)
            .transpose(1, 2)
            .reshape(size, groups, heads / groups, length, dim);
    Tensor key = keys.reshape(size, length, groups, dim).transpose(1, 2).unsqueeze(2);
    Tensor scores = query.matmul(key.transpose(3, 4)).mul(scale);
    if (cap > 0) {
      scores = scores.mul(1 / cap).tanh().mul(cap);
    }
    Tensor mask = Tensor.ofFloats(mask(batch), size, 1, 1, length, length).to(queries.device());
    return scores.add(mask).softmax(4).reshape(size, heads, length, length);
  }

  /** 0 where a query attends to a key, else −∞; padding attends to itself, so that it has a sum. */
  private float[] mask(TokenBatch batch) {
    int length = batch.length();
    float[] mask = new float[Math.multiplyExact(batch.size(), length * length)];
    for (int context = 0; context < batch.size(); context++) {
      for (int t = 0; t < length; t++) {
        for (int s = 0; s < length; s++) {
          boolean hidden = s >= batch.length(context) || !reaches(t, s);
          int at = (context * length + t) * length + s;
          mask[at] = hidden && s != t ? Float.NEGATIVE_INFINITY : 0;
        }
      }
    }
    return mask;
  }

  private boolean reaches(int query, int key) {
    return (!causal || key <= query) && (window == 0 || Math.abs(query - key) < window);
  }
}

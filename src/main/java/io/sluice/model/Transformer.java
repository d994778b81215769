package io.sluice.model;

import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * A transformer that runs through LibTorch. Its weights live until it is closed. It may be used by
 * one thread at a time.
 */
public interface Transformer extends AutoCloseable {
  /** Its sizes. */
  ModelShape shape();

  /** The device on which the model runs. */
  Device device();

  /** The precision of the computation and the type of all activations: float32 or bfloat16. */
  DType dtype();

  /**
   * Runs all layers.
   *
   * @param batch contexts, special tokens included
   * @param hooks what to do at hook points
   * @return the last hidden state, {@code [size, length, dModel]}, in the caller's innermost scope;
   *     at padding it has no meaning
   * @throws IllegalArgumentException if a token id is not in the vocabulary, a context is too long,
   *     a hook is at a point that does not exist or returns a tensor of another shape
   * @throws IllegalStateException if a forward pass of this model is running: a hook must not run
   *     the model that calls it, nor may two threads
   */
  Tensor forward(TokenBatch batch, Hooks hooks);

  /**
   * Runs as far as the last hook and no further, for when only the hooks matter.
   *
   * @throws IllegalArgumentException as {@link #forward}
   * @throws IllegalStateException as {@link #forward}
   */
  void observe(TokenBatch batch, Hooks hooks);

  /**
   * The output projection {@code W_O} of a layer, {@code [dModel, heads · headDim]}, so that {@code
   * attn_out = z·W_Oᵀ + bias}; columns {@code h · headDim} up to {@code (h + 1) · headDim} belong
   * to head {@code h}. The tensor belongs to the model.
   *
   * @throws IndexOutOfBoundsException if there is no such layer
   */
  Tensor outputProjection(int layer);

  /**
   * The weights and settings of a layer's attention.
   *
   * @return tensors of their own, in the caller's innermost scope
   * @throws IndexOutOfBoundsException if there is no such layer
   */
  LayerAttention attention(int layer);

  /**
   * Heads of keys and values per layer, which divide the heads of queries; as many unless a model
   * says otherwise.
   */
  default int keyValueHeads() {
    return shape().heads();
  }

  /** Frees the weights. */
  @Override
  void close();

  /** All hook points, ordered by layer and kind. */
  default List<HookPoint> hookPoints() {
    List<HookPoint> points = new ArrayList<>();
    for (int layer = 0; layer < shape().layers(); layer++) {
      for (HookKind kind : HookKind.values()) {
        HookPoint point = new HookPoint(layer, kind);
        if (absence(point) == null) {
          points.add(point);
        }
      }
    }
    return points;
  }

  /**
   * Why there is no hook point of this kind in one of the layers, for messages; null if there is
   * one.
   */
  default String absence(HookPoint point) {
    return null;
  }

  /** The width of the activations at {@code point}. */
  default int width(HookPoint point) {
    return switch (point.kind()) {
      case Q_PRE_ROPE, Q, Z -> shape().heads() * shape().headDim();
      case K_PRE_ROPE, K, V -> keyValueHeads() * shape().headDim();
      case MLP_ACT -> shape().dMlp();
      case RESID_IN, ATTN_IN, ATTN_OUT, RESID_MID, MLP_IN, MLP_OUT, RESID -> shape().dModel();
    };
  }
}

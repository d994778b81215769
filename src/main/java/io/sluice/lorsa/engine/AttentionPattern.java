package io.sluice.lorsa.engine;

import io.sluice.torch.Tensor;

/**
 * The attention weights of some groups, {@code A = softmax(c·tanh(s·QKᵀ / c) + mask)}, and their
 * gradients.
 *
 * @param query {@code [contexts, groups, length, headDim]}, rotated
 * @param key of the same shape, rotated
 * @param weights {@code A}, {@code [contexts, groups, length, length]}
 * @param limited {@code tanh(s·QKᵀ / c)}; null without a cap
 * @param scale {@code s}
 */
record AttentionPattern(Tensor query, Tensor key, Tensor weights, Tensor limited, double scale) {

  /**
   * Attention weights.
   *
   * @param mask added to the scores; broadcasts to them
   */
  static AttentionPattern of(LorsaSpec spec, Tensor query, Tensor key, Tensor mask) {
    Tensor scores = query.matmul(key.transpose(2, 3));
    double scale = spec.scale();
    if (spec.cap() == 0) {
      return new AttentionPattern(query, key, scores.mul(scale).add(mask).softmax(3), null, scale);
    }
    Tensor limited = scores.mul(scale / spec.cap()).tanh();
    return new AttentionPattern(
        query, key, limited.mul(spec.cap()).add(mask).softmax(3), limited, scale);
  }

  /**
   * The gradients of queries and keys.
   *
   * @param byWeights the gradient of the loss by {@link #weights}; overwritten
   */
  Gradients back(Tensor byWeights) {
    // dS = A ∘ (dA − Σ_s dA ∘ A); where the mask is −∞, A and so dS are 0.
    byWeights.mul_(weights);
    Tensor byScores = byWeights.add(weights.mul(byWeights.sum(true, 3)), -1);
    if (limited != null) {
      byScores.mul_(limited.square().neg().add(1));
    }
    byScores.mul_(scale);
    return new Gradients(byScores.matmul(key), byScores.transpose(2, 3).matmul(query));
  }

  /** By queries and by keys, of their shapes. */
  record Gradients(Tensor query, Tensor key) {}
}

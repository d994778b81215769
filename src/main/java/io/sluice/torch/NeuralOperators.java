package io.sluice.torch;

/** The parts of transformers that LibTorch has fused kernels for. */
public sealed interface NeuralOperators permits Tensor {
  /** The softmax along {@code dim}. */
  default Tensor softmax(int dim) {
    return Call.of(Aten.SOFTMAX).tensor((Tensor) this).integer(dim).none().one();
  }

  /** The logarithm of the softmax along {@code dim}. */
  default Tensor logSoftmax(int dim) {
    return Call.of(Aten.LOG_SOFTMAX).tensor((Tensor) this).integer(dim).none().one();
  }

  /**
   * Layer normalisation over the last dimension {@code d}.
   *
   * @param weight {@code [d]}, or null for ones
   * @param bias {@code [d]}, or null for zeros
   */
  default Tensor layerNorm(Tensor weight, Tensor bias, double epsilon) {
    return Call.of(Aten.LAYER_NORM)
        .tensor((Tensor) this)
        .integers(((Tensor) this).size(-1))
        .optional(weight)
        .optional(bias)
        .real(epsilon)
        .bool(true)
        .one();
  }

  /**
   * Root-mean-square normalisation over the last dimension {@code d}.
   *
   * @param weight {@code [d]}, or null for ones
   */
  default Tensor rmsNorm(Tensor weight, double epsilon) {
    return Call.of(Aten.RMS_NORM)
        .tensor((Tensor) this)
        .integers(((Tensor) this).size(-1))
        .optional(weight)
        .optionalReal(epsilon)
        .one();
  }

  /**
   * {@code softmax(scale·Q·Kᵀ + mask)·V} with this as {@code Q}, fused.
   *
   * @param key {@code [batch, groups, keys, dHead]}; this is {@code [batch, heads, queries,
   *     dHead]}. Where there are fewer groups than heads, consecutive heads share a group's keys
   *     and values
   * @param value {@code [batch, groups, keys, dHead]}
   * @param mask added to the scores (float), or true where a key may be seen (bool); broadcasts to
   *     {@code [batch, heads, queries, keys]}; null for none
   * @param causal whether query {@code i} sees keys up to {@code i} only; then no mask is taken
   * @param scale the factor on the scores; NaN for {@code 1/√dHead}
   * @throws IllegalArgumentException if the shapes do not fit each other, or there is a mask and
   *     {@code causal}
   */
  default Tensor attend(Tensor key, Tensor value, Tensor mask, boolean causal, double scale) {
    if (causal && mask != null) {
      throw new IllegalArgumentException("attention takes a mask or is causal, not both");
    }
    Tensor self = (Tensor) this;
    if (self.rank() != 4
        || key.rank() != 4
        || value.rank() != 4
        || key.size(1) < 1
        || self.size(1) % key.size(1) != 0
        || value.size(1) != key.size(1)
        || value.size(2) != key.size(2)
        || self.size(3) != key.size(3)
        || self.size(3) < 1) {
      throw new IllegalArgumentException(
          "attention of queries %s to keys %s and values %s"
              .formatted(self.describe(), key.describe(), value.describe()));
    }
    Call call =
        Call.of(Aten.ATTENTION)
            .tensor((Tensor) this)
            .tensor(key)
            .tensor(value)
            .optional(mask)
            .real(0)
            .bool(causal);
    boolean grouped = self.size(1) != key.size(1);
    return (Double.isNaN(scale) ? call.none() : call.optionalReal(scale)).bool(grouped).one();
  }
}

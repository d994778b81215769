package io.sluice.model.causal;

import io.sluice.memory.DType;
import io.sluice.model.HookPoint;
import io.sluice.model.parts.Norm;
import io.sluice.torch.Tensor;
import java.util.function.Supplier;

/**
 * The path from a hook point to the logits that passes no other layer. It is linear up to a
 * positive factor per token, since a norm multiplies by its weight, may subtract the mean, and
 * divides by the size of the residual stream.
 *
 * @param layer the layer of the hook point
 * @param finalNorm before the head
 * @param head {@code [vocabulary, dModel]}
 */
record DirectPath(CausalLayer layer, Norm finalNorm, Tensor head) {
  /**
   * What directions that are added to {@code point} add to the logits.
   *
   * @param directions {@code [n, width]}
   * @param outputProjection {@code W_O} of the layer, {@code [dModel, heads · headDim]}
   * @return float32 {@code [n, vocabulary]}, in the innermost scope
   */
  Tensor logits(HookPoint point, Tensor directions, Supplier<Tensor> outputProjection) {
    Tensor x = directions.to(DType.F32);
    Tensor written =
        switch (point.kind()) {
          case Z -> {
            Tensor output = outputProjection.get().to(DType.F32);
            requireWidth(point, x, output.size(1));
            yield through(layer.afterAttention(), x.linear(output, null));
          }
          case ATTN_OUT -> through(layer.afterAttention(), checked(point, x));
          case MLP_OUT -> through(layer.afterMlp(), checked(point, x));
          case RESID_IN, RESID_MID, RESID -> checked(point, x);
          case ATTN_IN, MLP_IN ->
              throw new IllegalArgumentException(
                  point + " is what a block reads; nothing adds it to the residual stream");
          case Q_PRE_ROPE, K_PRE_ROPE, Q, K, V ->
              throw new IllegalArgumentException(
                  point + " is inside attention; nothing adds it to the residual stream");
          case MLP_ACT ->
              throw new IllegalArgumentException(
                  point + " reaches the logits through the MLP's last projection only");
        };
    return through(finalNorm, written).linear(head.to(DType.F32), null);
  }

  private Tensor checked(HookPoint point, Tensor x) {
    requireWidth(point, x, head.size(1));
    return x;
  }

  private static void requireWidth(HookPoint point, Tensor x, long width) {
    if (x.rank() != 2 || x.size(1) != width) {
      throw new IllegalArgumentException(
          "directions at %s are %s; they must be %d wide".formatted(point, x, width));
    }
  }

  private static Tensor through(Norm norm, Tensor x) {
    return switch (norm) {
      case null -> x;
      case Norm.Rms rms -> x.mul(rms.weight().to(DType.F32));
      case Norm.Layer plain -> x.sub(x.mean(true, 1)).mul(plain.weight().to(DType.F32));
    };
  }
}

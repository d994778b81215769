package io.sluice.model;

import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.util.function.UnaryOperator;

/**
 * The weights and settings of one layer's attention, for code that builds on them. Head {@code h}
 * reads {@code x = attn_in}, scores {@code scale · ⟨R(N(query_h·x_t)), R(M(key_g·x_s))⟩} with
 * {@code g = h / (heads / keyValueHeads)}, {@code R} the rotation by position, and {@code N} and
 * {@code M} the norms of queries and keys where the model has them, and adds {@code output_h · Σ_s
 * A_h(t, s) · value_g·x_s}.
 *
 * @param heads query heads
 * @param keyValueHeads key and value heads; divides {@code heads}
 * @param headDim width of a head
 * @param query {@code [heads · headDim, dModel]}
 * @param key {@code [keyValueHeads · headDim, dModel]}
 * @param value {@code [keyValueHeads · headDim, dModel]}
 * @param output {@code W_O}, {@code [dModel, heads · headDim]}
 * @param rotaryFrequencies angle per position of each pair {@code (i, i + n)} of the first {@code
 *     2n} dimensions of queries and keys; of length 0 where they are not rotated
 * @param rotaryScale the factor on those dimensions, of queries and of keys; usually 1
 * @param scale the factor on the scores
 * @param cap {@code c} in {@code c·tanh(scores / c)}; 0 for none
 * @param window a query attends to tokens that are nearer than this; 0 for all
 * @param causal whether a query attends only to tokens up to its own
 * @param queryNorm normalises queries before they are rotated; null for none
 * @param keyNorm normalises keys before they are rotated; null for none
 */
public record LayerAttention(
    int heads,
    int keyValueHeads,
    int headDim,
    Projection query,
    Projection key,
    Projection value,
    Projection output,
    float[] rotaryFrequencies,
    double rotaryScale,
    double scale,
    double cap,
    int window,
    boolean causal,
    HeadNorm queryNorm,
    HeadNorm keyNorm) {

  /** Whether queries and keys are normalised before they are rotated. */
  public boolean normalised() {
    return queryNorm != null || keyNorm != null;
  }

  /**
   * {@code x · weight / √(mean(x²) + epsilon)} for the query or key {@code x} of a head, or for
   * those of all heads side by side, as wide as the weight is.
   *
   * @param weight {@code [headDim]}, or that times the number of heads
   */
  public record HeadNorm(float[] weight, double epsilon) {}

  /**
   * An affine map, in float32 on the model's device.
   *
   * @param weight {@code [out, in]}
   * @param bias {@code [out]}; zeros where the model has none
   */
  public record Projection(Tensor weight, Tensor bias) {
    /**
     * The weight and bias of a map, found by applying it to 0 and to each unit vector: so it does
     * not matter how a model stores its projections.
     *
     * @param map takes {@code [1, n, in]} of {@code dtype} to {@code [1, n, ...]} with as many
     *     elements per row
     */
    public static Projection of(UnaryOperator<Tensor> map, int in, DType dtype, Device device) {
      float[] unit = new float[Math.multiplyExact(in, in)];
      for (int i = 0; i < in; i++) {
        unit[i * in + i] = 1;
      }
      Tensor bias = map.apply(Tensor.zeros(dtype, device, 1, 1, in)).to(DType.F32).reshape(-1);
      Tensor rows = map.apply(Tensor.ofFloats(unit, 1, in, in).to(dtype).to(device));
      Tensor weight = rows.to(DType.F32).reshape(in, -1).sub(bias).transpose(0, 1);
      return new Projection(weight.contiguous(), bias);
    }
  }
}

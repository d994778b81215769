package io.sluice.model.cpu;

import io.sluice.model.parts.Norm;
import io.sluice.simd.layers.AttentionHeads;
import io.sluice.simd.layers.RowNorm;
import io.sluice.torch.Tensor;
import java.util.List;

/**
 * One layer in the form that {@link CpuLayers} runs. It computes the following; a norm that is null
 * is left out:
 *
 * <pre>
 * attn_out = attention(beforeAttention(x))
 * middle   = afterSum(x + afterAttention(attn_out))
 * mlp_out  = mlp(beforeMlp(middle))             — of x, if the layer is parallel
 * resid    = afterLastSum(middle + afterMlp(mlp_out))
 * </pre>
 *
 * @param index number of the layer
 * @param parallel whether the MLP reads what attention reads
 * @param queriesKeysValues the joined projection
 * @param projectionNorms norms over parts of its rows; empty in most models
 * @param output {@code W_O}
 */
public record CpuLayer(
    int index,
    boolean parallel,
    RowNorm beforeAttention,
    LayerMatrix queriesKeysValues,
    List<PartNorm> projectionNorms,
    AttentionHeads heads,
    LayerMatrix output,
    RowNorm afterAttention,
    RowNorm afterSum,
    RowNorm beforeMlp,
    CpuMlp mlp,
    RowNorm afterMlp,
    RowNorm afterLastSum) {

  /**
   * A norm over some neighbouring values of a row.
   *
   * @param at where they begin
   */
  public record PartNorm(int at, RowNorm norm) {}

  /** As many heads of keys and values as of queries: first all queries, then keys, then values. */
  public static AttentionHeads sideBySide(int heads, int headDim, AttentionHeads.Rule rule) {
    int width = heads * headDim;
    return new AttentionHeads(
        heads, heads, headDim, 3 * width, 0, headDim, width, headDim, 2 * width, headDim, null,
        null, 0, rule);
  }

  /** A norm of rows, in the kernels' form; null for none. */
  public static RowNorm rows(Norm norm) {
    return switch (norm) {
      case null -> null;
      case Norm.Layer(Tensor weight, Tensor bias, double epsilon) ->
          new RowNorm(weight.toFloats(), bias.toFloats(), (float) epsilon);
      case Norm.Rms(Tensor weight, double epsilon) ->
          new RowNorm(weight.toFloats(), null, (float) epsilon);
    };
  }
}

package io.sluice.model.cpu;

import io.sluice.model.causal.AttentionConfig;
import io.sluice.model.causal.CausalAttention;
import io.sluice.model.causal.CausalLayer;
import io.sluice.model.causal.Mlp;
import io.sluice.model.causal.Projections;
import io.sluice.model.parts.Activation;
import io.sluice.model.parts.Linear;
import io.sluice.model.parts.Norm;
import io.sluice.simd.layers.AttentionHeads;
import io.sluice.simd.layers.Nonlinearity;
import io.sluice.simd.layers.RowNorm;
import io.sluice.torch.Tensor;
import java.util.List;
import java.util.function.Function;

/**
 * One layer as {@link VectorLayers} runs it, and what of the following the layer does; a norm that
 * is null is left out:
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
 * @param output {@code W_O}
 * @param gate of a gated MLP; null for a plain one
 * @param up inner activations of the MLP
 * @param activation of the MLP
 * @param down what the MLP writes
 */
public record VectorLayer(
    int index,
    boolean parallel,
    RowNorm beforeAttention,
    LayerMatrix queriesKeysValues,
    AttentionHeads heads,
    LayerMatrix output,
    RowNorm afterAttention,
    RowNorm afterSum,
    RowNorm beforeMlp,
    LayerMatrix gate,
    LayerMatrix up,
    Nonlinearity activation,
    LayerMatrix down,
    RowNorm afterMlp,
    RowNorm afterLastSum) {

  /**
   * Takes a layer apart.
   *
   * @param matrices makes one matrix of those that read the same
   */
  static VectorLayer of(CausalLayer layer, Function<List<Linear>, LayerMatrix> matrices) {
    return switch (layer) {
      case CausalLayer.Sequential(
              int index,
              Norm attentionNorm,
              CausalAttention attention,
              Norm mlpNorm,
              Mlp mlp) ->
          of(index, false, attentionNorm, attention, null, mlpNorm, mlp, null, matrices);
      case CausalLayer.Parallel(
              int index,
              Norm attentionNorm,
              CausalAttention attention,
              Norm mlpNorm,
              Mlp mlp) ->
          of(index, true, attentionNorm, attention, null, mlpNorm, mlp, null, matrices);
      case CausalLayer.Sandwich(
              int index,
              Norm attentionNorm,
              CausalAttention attention,
              Norm afterAttention,
              Norm mlpNorm,
              Mlp mlp,
              Norm afterMlp) ->
          of(
              index,
              false,
              attentionNorm,
              attention,
              afterAttention,
              mlpNorm,
              mlp,
              afterMlp,
              matrices);
    };
  }

  private static VectorLayer of(
      int index,
      boolean parallel,
      Norm attentionNorm,
      CausalAttention attention,
      Norm afterAttention,
      Norm mlpNorm,
      Mlp mlp,
      Norm afterMlp,
      Function<List<Linear>, LayerMatrix> matrices) {
    Linear gate = null;
    Linear up;
    Linear down;
    Activation activation;
    switch (mlp) {
      case Mlp.Plain plain -> {
        up = plain.up();
        down = plain.down();
        activation = plain.activation();
      }
      case Mlp.Gated gated -> {
        gate = gated.gate();
        up = gated.up();
        down = gated.down();
        activation = gated.activation();
      }
    }
    return new VectorLayer(
        index,
        parallel,
        rows(attentionNorm),
        matrices.apply(attention.projections().parts()),
        heads(attention),
        matrices.apply(List.of(attention.output())),
        rows(afterAttention),
        null,
        rows(mlpNorm),
        gate == null ? null : matrices.apply(List.of(gate)),
        matrices.apply(List.of(up)),
        activation.function(),
        matrices.apply(List.of(down)),
        rows(afterMlp),
        null);
  }

  private static AttentionHeads heads(CausalAttention attention) {
    AttentionConfig config = attention.config();
    Projections projections = attention.projections();
    int headDim = config.headDim();
    int queries = config.heads() * headDim;
    int keys = config.keyValueHeads() * headDim;
    boolean mixed = projections.layout() == Projections.Layout.HEAD_BY_HEAD;
    int step = mixed ? 3 * headDim : headDim;
    Norm.Rms queryNorm = (Norm.Rms) projections.queryNorm();
    Norm.Rms keyNorm = (Norm.Rms) projections.keyNorm();
    return new AttentionHeads(
        config.heads(),
        config.keyValueHeads(),
        headDim,
        queries + 2 * keys,
        0,
        step,
        mixed ? headDim : queries,
        step,
        mixed ? 2 * headDim : queries + keys,
        step,
        queryNorm == null ? null : queryNorm.weight().toFloats(),
        keyNorm == null ? null : keyNorm.weight().toFloats(),
        queryNorm == null ? 0 : (float) queryNorm.epsilon(),
        new AttentionHeads.Rule(
            true, attention.window(), (float) config.scale(), (float) config.cap()));
  }

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

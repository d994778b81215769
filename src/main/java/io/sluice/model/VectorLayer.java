package io.sluice.model;

import io.sluice.simd.AttentionHeads;
import io.sluice.simd.Nonlinearity;
import io.sluice.simd.PackedMatrix;
import io.sluice.simd.RowNorm;
import io.sluice.simd.Workers;
import io.sluice.torch.Tensor;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * The weights of one layer as the vector kernels want them, and what of the following the layer
 * does; a norm that is null is left out:
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
record VectorLayer(
    int index,
    boolean parallel,
    RowNorm beforeAttention,
    PackedMatrix queriesKeysValues,
    AttentionHeads heads,
    PackedMatrix output,
    RowNorm afterAttention,
    RowNorm afterSum,
    RowNorm beforeMlp,
    PackedMatrix gate,
    PackedMatrix up,
    Nonlinearity activation,
    PackedMatrix down,
    RowNorm afterMlp,
    RowNorm afterLastSum) {

  /** Packs the weights of a layer and closes its own. */
  static VectorLayer of(CausalLayer layer, Arena arena) {
    return switch (layer) {
      case CausalLayer.Sequential(
              int index,
              Norm attentionNorm,
              CausalAttention attention,
              Norm mlpNorm,
              Mlp mlp) ->
          of(index, false, attentionNorm, attention, null, mlpNorm, mlp, null, arena);
      case CausalLayer.Parallel(
              int index,
              Norm attentionNorm,
              CausalAttention attention,
              Norm mlpNorm,
              Mlp mlp) ->
          of(index, true, attentionNorm, attention, null, mlpNorm, mlp, null, arena);
      case CausalLayer.Sandwich(
              int index,
              Norm attentionNorm,
              CausalAttention attention,
              Norm afterAttention,
              Norm mlpNorm,
              Mlp mlp,
              Norm afterMlp) ->
          of(index, false, attentionNorm, attention, afterAttention, mlpNorm, mlp, afterMlp, arena);
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
      Arena arena) {
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
        packed(attention.projections().parts(), arena),
        heads(attention),
        packed(List.of(attention.output()), arena),
        rows(afterAttention),
        null,
        rows(mlpNorm),
        gate == null ? null : packed(List.of(gate), arena),
        packed(List.of(up), arena),
        activation.function(),
        packed(List.of(down), arena),
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

  /** One matrix of several that read the same; their tensors are closed. */
  static PackedMatrix packed(List<Linear> parts, Arena arena) {
    int out = parts.stream().mapToInt(part -> (int) part.weight().size(0)).sum();
    int in = (int) parts.getFirst().weight().size(1);
    PackedMatrix matrix = new PackedMatrix(out, in, arena);
    int first = 0;
    for (Linear part : parts) {
      int count = (int) part.weight().size(0);
      boolean turned = !part.weight().isContiguous();
      Tensor stored = turned ? part.weight().transpose(0, 1) : part.weight();
      matrix.set(
          first, count, stored.data(), turned ? 1 : in, turned ? count : 1, Workers.allCores());
      part.weight().close();
      if (part.bias() != null) {
        matrix.setBias(first, part.bias().toFloats());
        part.bias().close();
      }
      first += count;
    }
    return matrix;
  }

  static RowNorm rows(Norm norm) {
    return switch (norm) {
      case null -> null;
      case Norm.Layer(Tensor weight, Tensor bias, double epsilon) ->
          new RowNorm(weight.toFloats(), bias.toFloats(), (float) epsilon);
      case Norm.Rms(Tensor weight, double epsilon) ->
          new RowNorm(weight.toFloats(), null, (float) epsilon);
    };
  }
}

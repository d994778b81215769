package io.sluice.model.causal;

import io.sluice.memory.DType;
import io.sluice.model.HeadHooks;
import io.sluice.model.HookKind;
import io.sluice.model.Hooks;
import io.sluice.model.LayerAttention;
import io.sluice.model.cpu.KeyValueCache;
import io.sluice.model.parts.Linear;
import io.sluice.model.parts.Norm;
import io.sluice.model.rotary.RotaryTable;
import io.sluice.simd.layers.AttentionHeads;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;

/**
 * Causal attention. Padding on the right needs no mask, since no token attends to later ones.
 *
 * @param projections make queries, keys and values
 * @param rotary rotates queries and keys by position; null where positions are learned
 * @param config sizes, scale and cap of the scores
 * @param window how many tokens a query attends to, itself included; 0 for all earlier ones
 * @param output {@code W_O} and its bias
 */
public record CausalAttention(
    Projections projections,
    RotaryTable rotary,
    AttentionConfig config,
    int window,
    Linear output) {

  /**
   * The heads' outputs side by side, {@code [batch, length, heads · headDim]}, contiguous.
   *
   * @param layer the number of the layer, by which a pass keeps keys and values
   * @param hooks of which those at queries, keys and values are called
   */
  Tensor z(int layer, Tensor x, CausalPass pass, Hooks hooks) {
    Projections.Heads heads = projections.apply(x);
    HeadHooks ofHeads = new HeadHooks(hooks, layer);
    Tensor query = ofHeads.at(HookKind.Q_PRE_ROPE, heads.query());
    Tensor key = ofHeads.at(HookKind.K_PRE_ROPE, heads.key());
    if (rotary != null) {
      query = rotary.apply(query, pass.before());
      key = rotary.apply(key, pass.before());
    }
    query = ofHeads.at(HookKind.Q, query).transpose(1, 2);
    key = ofHeads.at(HookKind.K, key).transpose(1, 2);
    Tensor value = ofHeads.at(HookKind.V, heads.value()).transpose(1, 2);
    KeyValueCache.KeyValues seen = pass.keep(layer, key, value);
    Tensor mixed =
        config.cap() > 0
            ? capped(query, seen.keys(), seen.values(), pass)
            : fused(query, seen.keys(), seen.values(), pass);
    // LibTorch's fused kernel leaves heads next to each other in memory, so this is a view.
    return mixed
        .transpose(1, 2)
        .reshape(x.size(0), x.size(1), (long) config.heads() * config.headDim())
        .contiguous();
  }

  /** Computes the output of attention, which is added to the residual stream. */
  Tensor attnOut(Tensor z) {
    return output.apply(z);
  }

  /**
   * Describes the layout of the heads in the rows of the joined projection, and their attention.
   */
  AttentionHeads heads() {
    int headDim = config.headDim();
    int queries = config.heads() * headDim;
    int keys = config.keyValueHeads() * headDim;
    boolean mixed = projections.layout() == Projections.Layout.HEAD_BY_HEAD;
    int step = mixed ? 3 * headDim : headDim;
    boolean each = !projections.joinedNorms();
    Norm.Rms queryNorm = each ? (Norm.Rms) projections.queryNorm() : null;
    Norm.Rms keyNorm = each ? (Norm.Rms) projections.keyNorm() : null;
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
        new AttentionHeads.Rule(true, window, (float) config.scale(), (float) config.cap()));
  }

  /** Describes this attention, for {@link io.sluice.model.Transformer#attention}. */
  LayerAttention describe(int dModel, DType dtype, Device device) {
    Projections raw = projections.normalised(null, null);
    return describe(
        LayerAttention.Projection.of(x -> raw.apply(x).query(), dModel, dtype, device),
        LayerAttention.Projection.of(x -> raw.apply(x).key(), dModel, dtype, device),
        LayerAttention.Projection.of(x -> raw.apply(x).value(), dModel, dtype, device),
        LayerAttention.Projection.of(
            this::attnOut, config.heads() * config.headDim(), dtype, device));
  }

  /** The same around these projections. */
  LayerAttention describe(
      LayerAttention.Projection queries,
      LayerAttention.Projection keys,
      LayerAttention.Projection values,
      LayerAttention.Projection output) {
    return new LayerAttention(
        config.heads(),
        config.keyValueHeads(),
        config.headDim(),
        queries,
        keys,
        values,
        output,
        rotary == null ? new float[0] : rotary.rotary().inverseFrequencies(),
        rotary == null ? 1 : rotary.rotary().scale(),
        config.scale(),
        config.cap(),
        window,
        true,
        headNorm(projections.queryNorm()),
        headNorm(projections.keyNorm()));
  }

  private static LayerAttention.HeadNorm headNorm(Norm norm) {
    return norm == null
        ? null
        : new LayerAttention.HeadNorm(
            ((Norm.Rms) norm).weight().toFloats(), ((Norm.Rms) norm).epsilon());
  }

  private Tensor fused(Tensor query, Tensor key, Tensor value, CausalPass pass) {
    if (pass.isPlain(window)) {
      return query.attend(key, value, null, true, config.scale());
    }
    Tensor mask = pass.seesAll(window) ? null : pass.mask(window);
    return query.attend(key, value, mask, false, config.scale());
  }

  /** Scores go through {@code cap·tanh(scores / cap)}, for which there is no fused kernel. */
  private Tensor capped(Tensor query, Tensor key, Tensor value, CausalPass pass) {
    long batch = query.size(0);
    long length = query.size(2);
    long groups = config.keyValueHeads();
    long perGroup = config.heads() / groups;
    // [batch, groups, perGroup, length, headDim] against [batch, groups, 1, length, headDim]
    Tensor grouped = query.reshape(batch, groups, perGroup, length, config.headDim());
    Tensor scores = grouped.matmul(key.unsqueeze(2).transpose(3, 4));
    Tensor limited = scores.mul(config.scale() / config.cap()).tanh().mul(config.cap());
    Tensor weights = limited.add(pass.mask(window)).softmax(4);
    return weights
        .matmul(value.unsqueeze(2))
        .reshape(batch, config.heads(), length, config.headDim());
  }
}

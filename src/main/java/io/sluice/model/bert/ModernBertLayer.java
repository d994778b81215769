package io.sluice.model.bert;

import io.sluice.memory.DType;
import io.sluice.model.HeadHooks;
import io.sluice.model.HookKind;
import io.sluice.model.Hooks;
import io.sluice.model.LayerAttention;
import io.sluice.model.cpu.CpuLayer;
import io.sluice.model.cpu.CpuLayers;
import io.sluice.model.cpu.CpuMlp;
import io.sluice.model.parts.Linear;
import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.model.rotary.RotaryTable;
import io.sluice.simd.layers.AttentionHeads;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.io.IOException;
import java.util.List;

/**
 * One layer of ModernBERT: attention and MLP, each of which normalises what it reads.
 *
 * @param index number of the layer
 * @param window a query attends to keys that are nearer than this; 0 for all
 * @param attentionNorm null in the first layer, which reads normalised embeddings
 * @param all queries, keys and values, one below the other
 * @param attentionOutput {@code W_O}
 */
record ModernBertLayer(
    int index,
    ModernBertConfig config,
    int window,
    RotaryTable rotary,
    Norm attentionNorm,
    Linear all,
    Linear attentionOutput,
    Norm mlpNorm,
    Linear gate,
    Linear up,
    Linear down)
    implements EncoderLayer {

  /**
   * Loads the weights.
   *
   * @param at what stands before the names of the layer's tensors
   */
  static ModernBertLayer load(
      String at, int index, ModernBertConfig config, RotaryTable rotary, WeightLoader loader)
      throws IOException {
    int d = config.dModel();
    int inner = config.intermediate();
    String up = at + "mlp.Wi";
    return new ModernBertLayer(
        index,
        config,
        config.windows().get(index),
        rotary,
        index == 0 ? null : norm(loader, at + "attn_norm", config),
        Linear.of(loader, at + "attn.Wqkv", 3L * d, d, config.attentionBias()),
        Linear.of(loader, at + "attn.Wo", d, d, config.attentionBias()),
        norm(loader, at + "mlp_norm", config),
        half(loader, up, 0, config),
        half(loader, up, inner, config),
        Linear.of(loader, at + "mlp.Wo", d, inner, config.mlpBias()));
  }

  /** Some rows of the matrix that has the gate and, below it, what the gate multiplies. */
  private static Linear half(WeightLoader loader, String module, int first, ModernBertConfig config)
      throws IOException {
    int inner = config.intermediate();
    return new Linear(
        loader.loadRows(module + ".weight", first, inner, 2L * inner, config.dModel()),
        config.mlpBias() ? loader.loadRows(module + ".bias", first, inner, 2L * inner) : null);
  }

  static Norm norm(WeightLoader loader, String module, ModernBertConfig config) throws IOException {
    int d = config.dModel();
    return new Norm.Layer(
        loader.load(module + ".weight", d),
        config.normBias() ? loader.load(module + ".bias", d) : loader.zeros(d),
        config.epsilon());
  }

  @Override
  public Tensor forward(Tensor before, EncoderPass pass, Hooks hooks) {
    // Aliases: a hook may keep its tensor, and the owner of the residual stream frees it.
    Tensor x = hooks.at(index, HookKind.RESID_IN, before.to(before.device()));
    Tensor input = attentionNorm == null ? x.to(x.device()) : attentionNorm.apply(x);
    Tensor read = hooks.at(index, HookKind.ATTN_IN, input);
    Tensor z = hooks.at(index, HookKind.Z, attention(read, pass, hooks));
    Tensor attnOut = hooks.at(index, HookKind.ATTN_OUT, attentionOutput.apply(z));
    if (hooks.endBefore(index, HookKind.RESID_MID)) {
      return null;
    }
    Tensor middle = hooks.at(index, HookKind.RESID_MID, x.add(attnOut));
    Tensor mlpIn = hooks.at(index, HookKind.MLP_IN, mlpNorm.apply(middle));
    Tensor gated = config.activation().apply(gate.apply(mlpIn)).mul_(up.apply(mlpIn));
    Tensor inner = hooks.at(index, HookKind.MLP_ACT, gated);
    Tensor mlpOut = hooks.at(index, HookKind.MLP_OUT, down.apply(inner));
    return hooks.at(index, HookKind.RESID, middle.add(mlpOut));
  }

  private Tensor attention(Tensor x, EncoderPass pass, Hooks hooks) {
    HeadHooks ofHeads = new HeadHooks(hooks, index);
    Tensor joined = all.apply(x).reshape(x.size(0), x.size(1), 3, config.heads(), config.headDim());
    Tensor queries = ofHeads.at(HookKind.Q_PRE_ROPE, joined.select(2, 0));
    Tensor keys = ofHeads.at(HookKind.K_PRE_ROPE, joined.select(2, 1));
    queries = ofHeads.at(HookKind.Q, rotary.apply(queries, 0)).transpose(1, 2);
    keys = ofHeads.at(HookKind.K, rotary.apply(keys, 0)).transpose(1, 2);
    Tensor values = ofHeads.at(HookKind.V, joined.select(2, 2)).transpose(1, 2);
    Tensor heads = queries.attend(keys, values, pass.mask(window), false, Double.NaN);
    // LibTorch's fused kernel leaves heads next to each other in memory, so this is a view.
    return heads.transpose(1, 2).reshape(x.shape()).contiguous();
  }

  @Override
  public CpuLayer onCpu(CpuLayers.Matrices matrices) {
    int d = config.dModel();
    int headDim = config.headDim();
    AttentionHeads heads =
        CpuLayer.sideBySide(
            config.heads(),
            headDim,
            new AttentionHeads.Rule(false, window, (float) (1 / Math.sqrt(headDim)), 0));
    return new CpuLayer(
        index,
        false,
        CpuLayer.rows(attentionNorm),
        matrices.apply(List.of(all)),
        List.of(),
        heads,
        matrices.apply(List.of(attentionOutput)),
        null,
        null,
        CpuLayer.rows(mlpNorm),
        new CpuMlp.Dense(
            matrices.apply(List.of(gate)),
            matrices.apply(List.of(up)),
            config.activation().function(),
            matrices.apply(List.of(down))),
        null,
        null);
  }

  @Override
  public Tensor outputProjection() {
    return attentionOutput.weight();
  }

  @Override
  public LayerAttention describe(Device device) {
    int d = config.dModel();
    return describe(
        LayerAttention.Projection.of(x -> all.apply(x).narrow(2, 0, d), d, DType.F32, device),
        LayerAttention.Projection.of(x -> all.apply(x).narrow(2, d, d), d, DType.F32, device),
        LayerAttention.Projection.of(x -> all.apply(x).narrow(2, 2L * d, d), d, DType.F32, device),
        LayerAttention.Projection.of(attentionOutput::apply, d, DType.F32, device));
  }

  @Override
  public LayerAttention describe(
      LayerAttention.Projection queries,
      LayerAttention.Projection keys,
      LayerAttention.Projection values,
      LayerAttention.Projection output) {
    return new LayerAttention(
        config.heads(),
        config.heads(),
        config.headDim(),
        queries,
        keys,
        values,
        output,
        rotary.rotary().inverseFrequencies(),
        rotary.rotary().scale(),
        1 / Math.sqrt(config.headDim()),
        0,
        window,
        false,
        null,
        null);
  }
}

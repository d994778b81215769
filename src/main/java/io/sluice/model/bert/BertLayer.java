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
import io.sluice.simd.layers.AttentionHeads;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.io.IOException;
import java.util.List;

/** One layer of a BERT encoder: attention and MLP, each normalised after the residual is added. */
final class BertLayer implements EncoderLayer {
  private final int index;
  private final BertConfig config;
  private final Linear query;
  private final Linear key;
  private final Linear value;
  private final Linear attentionOutput;
  private final Norm attentionNorm;
  private final Linear up;
  private final Linear down;
  private final Norm outputNorm;

  BertLayer(int index, BertWeights weights, WeightLoader loader) throws IOException {
    this.index = index;
    this.config = weights.config();
    long d = config.dModel();
    long inner = config.intermediate();
    String at = "encoder.layer." + index;
    this.query = linear(weights, loader, at + ".attention.self.query", d, d);
    this.key = linear(weights, loader, at + ".attention.self.key", d, d);
    this.value = linear(weights, loader, at + ".attention.self.value", d, d);
    this.attentionOutput = linear(weights, loader, at + ".attention.output.dense", d, d);
    this.attentionNorm = norm(weights, loader, at + ".attention.output.LayerNorm");
    this.up = linear(weights, loader, at + ".intermediate.dense", inner, d);
    this.down = linear(weights, loader, at + ".output.dense", d, inner);
    this.outputNorm = norm(weights, loader, at + ".output.LayerNorm");
  }

  @Override
  public Tensor forward(Tensor before, EncoderPass pass, Hooks hooks) {
    // Aliases: a hook may keep its tensor, and the owner of the residual stream frees it.
    Tensor hidden = hooks.at(index, HookKind.RESID_IN, before.to(before.device()));
    Tensor read = hooks.at(index, HookKind.ATTN_IN, hidden.to(hidden.device()));
    Tensor z = hooks.at(index, HookKind.Z, attention(read, pass, hooks));
    Tensor attnOut = hooks.at(index, HookKind.ATTN_OUT, attentionOutput.apply(z));
    if (hooks.endBefore(index, HookKind.RESID_MID)) {
      return null;
    }
    Tensor middle = hooks.at(index, HookKind.RESID_MID, attentionNorm.apply(attnOut.add(hidden)));
    Tensor mlpIn = hooks.at(index, HookKind.MLP_IN, middle.to(middle.device()));
    Tensor inner = hooks.at(index, HookKind.MLP_ACT, config.activation().apply(up.apply(mlpIn)));
    Tensor mlpOut = hooks.at(index, HookKind.MLP_OUT, down.apply(inner));
    return hooks.at(index, HookKind.RESID, outputNorm.apply(mlpOut.add(middle)));
  }

  @Override
  public CpuLayer onCpu(CpuLayers.Matrices matrices) {
    int headDim = config.dModel() / config.heads();
    AttentionHeads heads =
        CpuLayer.sideBySide(
            config.heads(),
            headDim,
            new AttentionHeads.Rule(false, 0, (float) (1 / Math.sqrt(headDim)), 0));
    return new CpuLayer(
        index,
        false,
        null,
        matrices.apply(List.of(query, key, value)),
        List.of(),
        heads,
        matrices.apply(List.of(attentionOutput)),
        null,
        CpuLayer.rows(attentionNorm),
        null,
        new CpuMlp.Dense(
            null,
            matrices.apply(List.of(up)),
            config.activation().function(),
            matrices.apply(List.of(down))),
        null,
        CpuLayer.rows(outputNorm));
  }

  @Override
  public Tensor outputProjection() {
    return attentionOutput.weight();
  }

  @Override
  public LayerAttention describe(Device device) {
    int d = config.dModel();
    return describe(
        LayerAttention.Projection.of(query::apply, d, DType.F32, device),
        LayerAttention.Projection.of(key::apply, d, DType.F32, device),
        LayerAttention.Projection.of(value::apply, d, DType.F32, device),
        LayerAttention.Projection.of(attentionOutput::apply, d, DType.F32, device));
  }

  @Override
  public LayerAttention describe(
      LayerAttention.Projection queries,
      LayerAttention.Projection keys,
      LayerAttention.Projection values,
      LayerAttention.Projection output) {
    int headDim = config.dModel() / config.heads();
    return new LayerAttention(
        config.heads(),
        config.heads(),
        headDim,
        queries,
        keys,
        values,
        output,
        new float[0],
        1,
        1 / Math.sqrt(headDim),
        0,
        0,
        false,
        null,
        null);
  }

  private Tensor attention(Tensor hidden, EncoderPass pass, Hooks hooks) {
    HeadHooks ofHeads = new HeadHooks(hooks, index);
    Tensor queries = ofHeads.at(HookKind.Q_PRE_ROPE, split(query.apply(hidden)));
    Tensor keys = ofHeads.at(HookKind.K_PRE_ROPE, split(key.apply(hidden)));
    queries = ofHeads.at(HookKind.Q, queries).transpose(1, 2);
    keys = ofHeads.at(HookKind.K, keys).transpose(1, 2);
    Tensor values = ofHeads.at(HookKind.V, split(value.apply(hidden))).transpose(1, 2);
    Tensor heads = queries.attend(keys, values, pass.mask(0), false, Double.NaN);
    // LibTorch's fused kernel leaves heads next to each other in memory, so this is a view.
    return heads
        .transpose(1, 2)
        .reshape(hidden.size(0), hidden.size(1), config.dModel())
        .contiguous();
  }

  /** {@code [batch, length, dModel]} as {@code [batch, length, heads, headDim]}. */
  private Tensor split(Tensor x) {
    long heads = config.heads();
    return x.reshape(x.size(0), x.size(1), heads, config.dModel() / heads);
  }

  private static Linear linear(
      BertWeights weights, WeightLoader loader, String module, long out, long in)
      throws IOException {
    return new Linear(
        weights.projection(loader, module, out, in),
        weights.parameter(loader, module + ".bias", out));
  }

  /** Layer normalisation with the parameters of {@code module}. */
  static Norm norm(BertWeights weights, WeightLoader loader, String module) throws IOException {
    BertConfig config = weights.config();
    return new Norm.Layer(
        weights.parameter(loader, module + ".weight", config.dModel()),
        weights.parameter(loader, module + ".bias", config.dModel()),
        config.layerNormEpsilon());
  }
}

package io.sluice.model.causal;

import io.sluice.model.HookKind;
import io.sluice.model.Hooks;
import io.sluice.model.cpu.CpuLayer;
import io.sluice.model.cpu.CpuLayers;
import io.sluice.model.parts.Norm;
import io.sluice.torch.Tensor;
import java.util.List;

/**
 * One layer of a causal language model: how attention and MLP add to the residual stream {@code x}.
 * A norm that is null is left out:
 *
 * <pre>
 * attn_out = attention(beforeAttention(x))
 * middle   = x + afterAttention(attn_out)
 * mlp_out  = mlp(beforeMlp(middle))            — of x, if the layer is parallel
 * resid    = middle + afterMlp(mlp_out)
 * </pre>
 *
 * @param index number of the layer, counted from 0
 * @param parallel whether the MLP reads the residual stream that attention reads
 */
public record CausalLayer(
    int index,
    boolean parallel,
    Norm beforeAttention,
    CausalAttention attention,
    Norm afterAttention,
    Norm beforeMlp,
    Mlp mlp,
    Norm afterMlp) {

  /** Attention, then the MLP on its result; each normalises what it reads. */
  public static CausalLayer sequential(
      int index, Norm beforeAttention, CausalAttention attention, Norm beforeMlp, Mlp mlp) {
    return new CausalLayer(index, false, beforeAttention, attention, null, beforeMlp, mlp, null);
  }

  /** Attention and MLP read the same residual stream, each through a norm of its own. */
  public static CausalLayer parallel(
      int index, Norm beforeAttention, CausalAttention attention, Norm beforeMlp, Mlp mlp) {
    return new CausalLayer(index, true, beforeAttention, attention, null, beforeMlp, mlp, null);
  }

  /**
   * The residual stream after the layer.
   *
   * @param before the residual stream before it, {@code [batch, length, dModel]}
   * @return null if the hooks end the pass after the attention
   */
  Tensor forward(Tensor before, CausalPass pass, Hooks hooks) {
    // Aliases: a hook may keep its tensor, and the owner of the residual stream frees it.
    Tensor x = hooks.at(index, HookKind.RESID_IN, before.to(before.device()));
    Tensor input = beforeAttention == null ? x.to(x.device()) : beforeAttention.apply(x);
    Tensor read = hooks.at(index, HookKind.ATTN_IN, input);
    Tensor z = hooks.at(index, HookKind.Z, attention.z(index, read, pass, hooks));
    Tensor attnOut = hooks.at(index, HookKind.ATTN_OUT, attention.attnOut(z));
    if (hooks.endBefore(index, HookKind.RESID_MID)) {
      return null;
    }
    Tensor sum = x.add(normalised(afterAttention, attnOut));
    Tensor middle = hooks.at(index, HookKind.RESID_MID, sum);
    Tensor stream = parallel ? x : middle;
    Tensor mlpIn = beforeMlp == null ? stream.to(stream.device()) : beforeMlp.apply(stream);
    Tensor written = mlpOut(hooks.at(index, HookKind.MLP_IN, mlpIn), hooks);
    Tensor mlpOut = hooks.at(index, HookKind.MLP_OUT, written);
    return hooks.at(index, HookKind.RESID, middle.add(normalised(afterMlp, mlpOut)));
  }

  private Tensor mlpOut(Tensor read, Hooks hooks) {
    return switch (mlp) {
      case Mlp.Dense dense ->
          dense.down().apply(hooks.at(index, HookKind.MLP_ACT, dense.inner(read)));
      case Mixture mixture -> mixture.apply(read);
    };
  }

  /** Whether the MLP has one hidden layer, where there is a hook point. */
  boolean hasHiddenLayer() {
    return mlp instanceof Mlp.Dense;
  }

  private static Tensor normalised(Norm norm, Tensor x) {
    return norm == null ? x : norm.apply(x);
  }

  /**
   * The layer for the CPU.
   *
   * @param matrices makes one matrix of those that read the same rows
   */
  CpuLayer onCpu(CpuLayers.Matrices matrices) {
    return new CpuLayer(
        index,
        parallel,
        CpuLayer.rows(beforeAttention),
        matrices.apply(attention.projections().parts()),
        attention.projections().onCpu(),
        attention.heads(),
        matrices.apply(List.of(attention.output())),
        CpuLayer.rows(afterAttention),
        null,
        CpuLayer.rows(beforeMlp),
        mlp.onCpu(matrices),
        CpuLayer.rows(afterMlp),
        null);
  }
}

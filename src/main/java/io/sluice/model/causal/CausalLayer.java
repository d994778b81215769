package io.sluice.model.causal;

import io.sluice.model.HookKind;
import io.sluice.model.Hooks;
import io.sluice.model.parts.Norm;
import io.sluice.torch.Tensor;

/** One layer of a causal language model: how attention and MLP add to the residual stream. */
public sealed interface CausalLayer {
  /** The attention. */
  CausalAttention attention();

  /**
   * The residual stream after the layer.
   *
   * @param x the residual stream before it, {@code [batch, length, dModel]}
   * @return null if the hooks end the pass after the attention
   */
  Tensor forward(Tensor x, CausalPass pass, Hooks hooks);

  /** Attention, then the MLP on what it made; each normalises what it reads. */
  record Sequential(int index, Norm attentionNorm, CausalAttention attention, Norm mlpNorm, Mlp mlp)
      implements CausalLayer {
    @Override
    public Tensor forward(Tensor x, CausalPass pass, Hooks hooks) {
      Tensor read = hooks.at(index, HookKind.ATTN_IN, attentionNorm.apply(x));
      Tensor z = hooks.at(index, HookKind.Z, attention.z(read, pass));
      Tensor attnOut = hooks.at(index, HookKind.ATTN_OUT, attention.attnOut(z));
      if (hooks.endBefore(index, HookKind.MLP_OUT)) {
        return null;
      }
      Tensor middle = x.add(attnOut);
      Tensor mlpOut = hooks.at(index, HookKind.MLP_OUT, mlp.apply(mlpNorm.apply(middle)));
      return hooks.at(index, HookKind.RESID, middle.add(mlpOut));
    }
  }

  /** Attention and MLP read the same residual stream, each through a norm of its own. */
  record Parallel(int index, Norm attentionNorm, CausalAttention attention, Norm mlpNorm, Mlp mlp)
      implements CausalLayer {
    @Override
    public Tensor forward(Tensor x, CausalPass pass, Hooks hooks) {
      Tensor read = hooks.at(index, HookKind.ATTN_IN, attentionNorm.apply(x));
      Tensor z = hooks.at(index, HookKind.Z, attention.z(read, pass));
      Tensor attnOut = hooks.at(index, HookKind.ATTN_OUT, attention.attnOut(z));
      if (hooks.endBefore(index, HookKind.MLP_OUT)) {
        return null;
      }
      Tensor mlpOut = hooks.at(index, HookKind.MLP_OUT, mlp.apply(mlpNorm.apply(x)));
      return hooks.at(index, HookKind.RESID, x.add(attnOut).add(mlpOut));
    }
  }

  /**
   * As {@link Sequential}, but what attention and MLP give is normalised, too, before it is added;
   * the hook points {@code attn_out} and {@code mlp_out} are before that.
   */
  record Sandwich(
      int index,
      Norm attentionNorm,
      CausalAttention attention,
      Norm afterAttention,
      Norm mlpNorm,
      Mlp mlp,
      Norm afterMlp)
      implements CausalLayer {
    @Override
    public Tensor forward(Tensor x, CausalPass pass, Hooks hooks) {
      Tensor read = hooks.at(index, HookKind.ATTN_IN, attentionNorm.apply(x));
      Tensor z = hooks.at(index, HookKind.Z, attention.z(read, pass));
      Tensor attnOut = hooks.at(index, HookKind.ATTN_OUT, attention.attnOut(z));
      if (hooks.endBefore(index, HookKind.MLP_OUT)) {
        return null;
      }
      Tensor middle = x.add(afterAttention.apply(attnOut));
      Tensor mlpOut = hooks.at(index, HookKind.MLP_OUT, mlp.apply(mlpNorm.apply(middle)));
      return hooks.at(index, HookKind.RESID, middle.add(afterMlp.apply(mlpOut)));
    }
  }
}

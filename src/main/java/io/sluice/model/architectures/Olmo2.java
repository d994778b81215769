package io.sluice.model.architectures;

import io.sluice.model.causal.AttentionConfig;
import io.sluice.model.causal.CausalConfig;
import io.sluice.model.causal.CausalConfigFile;
import io.sluice.model.causal.CausalLayer;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.causal.GgufKeys;
import io.sluice.model.causal.GgufSettings;
import io.sluice.model.causal.LayerLoader;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.parts.MlpActivation;
import java.io.IOException;

/**
 * OLMo 2: {@link Llama} whose norms are after attention and MLP, not before them, and which
 * normalises the queries and the keys of all heads together.
 *
 * <p>{@code attn_in} and {@code mlp_in} are the residual stream itself. {@code attn_out} is the
 * output of {@code self_attn.o_proj}, and {@code mlp_out} that of {@code mlp.down_proj}: before
 * {@code post_attention_layernorm} and {@code post_feedforward_layernorm}, whose results the layer
 * adds.
 */
final class Olmo2 extends Llama {
  @Override
  public String label() {
    return "olmo2";
  }

  @Override
  public KeyTable configKeys() {
    return rmsKeys(label())
        .honoured("hidden_act", "attention_bias")
        .unlessFalse("mlp_bias")
        .unlessNone("clip_qkv");
  }

  @Override
  protected Defaults defaults() {
    return new Defaults(50304, 11008, CausalConfigFile.FOLLOWS, CausalConfigFile.FOLLOWS, 2048);
  }

  @Override
  protected double defaultEpsilon() {
    return 1e-5;
  }

  @Override
  protected boolean mlpBias(ConfigFile file) {
    return false;
  }

  @Override
  public CausalLayer layer(LayerLoader loader) throws IOException {
    boolean bias = loader.config().attention().bias();
    return new CausalLayer(
        loader.index(),
        false,
        null,
        loader.attention(
            projections(loader, bias)
                .normalisedTogether(
                    loader.queriesNorm("self_attn.q_norm"), loader.keysNorm("self_attn.k_norm")),
            loader.attentionOutput("self_attn.o_proj", bias)),
        loader.norm("post_attention_layernorm"),
        null,
        mlp(loader),
        loader.norm("post_feedforward_layernorm"));
  }

  @Override
  public GgufForm gguf() {
    return new Gguf();
  }

  /** In GGUF files, which keep queries and keys as they are. */
  private static final class Gguf extends GgufForm {
    Gguf() {
      super("olmo2", Gemma2.ggufNames());
    }

    @Override
    public KeyTable keys() {
      return GgufKeys.withRmsNorm(label());
    }

    @Override
    public CausalConfig config(GgufSettings settings) throws IOException {
      AttentionConfig attention =
          settings.attention(
              settings.rotary(),
              AttentionConfig.noWindows(settings.layers()),
              settings.headDim(),
              0,
              settings.has("blk.0.attn_q.bias"));
      return settings.config(
          "attention.layer_norm_rms_epsilon", MlpActivation.SILU, false, 0, attention);
    }
  }
}

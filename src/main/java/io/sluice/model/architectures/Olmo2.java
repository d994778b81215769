package io.sluice.model.architectures;

import io.sluice.model.causal.CausalConfigFile;
import io.sluice.model.causal.CausalLayer;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.causal.LayerLoader;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
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

  /** Sluice reads it from {@code config.json} only. */
  @Override
  public GgufForm gguf() {
    return null;
  }
}

package io.sluice.model;

import io.sluice.model.causal.Architecture;
import io.sluice.model.causal.AttentionConfig;
import io.sluice.model.causal.CausalAttention;
import io.sluice.model.causal.CausalConfig;
import io.sluice.model.causal.CausalConfigFile;
import io.sluice.model.causal.CausalLayer;
import io.sluice.model.causal.LayerLoader;
import io.sluice.model.causal.Mlp;
import io.sluice.model.causal.ModuleNames;
import io.sluice.model.causal.Projections;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.parts.MlpActivation;
import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.model.rotary.RotarySettings;
import java.io.IOException;

/**
 * Falcon-7B, an architecture that Sluice does not have: attention and MLP read the same residual
 * stream through one norm, all query heads share one head of keys and values, no biases.
 */
final class Falcon implements Architecture {
  private static final ModuleNames NAMES =
      new ModuleNames(
          "transformer.",
          "transformer.h.",
          "transformer.word_embeddings",
          null,
          "transformer.ln_f",
          "lm_head");

  @Override
  public String label() {
    return "falcon";
  }

  @Override
  public KeyTable configKeys() {
    return CausalConfigFile.keys(label())
        .honoured("hidden_size", "num_hidden_layers", "num_attention_heads", "ffn_hidden_size")
        .honoured("max_position_embeddings", "layer_norm_epsilon", "activation")
        .honoured("rope_parameters", "rope_scaling", "rope_theta")
        .honoured("original_max_position_embeddings")
        .unlessTrue("multi_query", "parallel_attn")
        .unlessFalse("alibi", "bias", "new_decoder_architecture")
        .unlessNone("num_ln_in_parallel_attn")
        .noEffect("num_kv_heads");
  }

  @Override
  public CausalConfig config(ConfigFile file) throws IOException {
    int layers = file.integer("num_hidden_layers", 32);
    int width = file.integer("hidden_size", 4544);
    int heads = file.integer("num_attention_heads", 71);
    int positions = file.integer("max_position_embeddings", 2048);
    int headDim = CausalConfigFile.divided(width, heads);
    return new CausalConfig(
        this,
        layers,
        width,
        file.integer("ffn_hidden_size", 4 * width, 4 * width),
        file.integer("vocab_size", 65024),
        positions,
        file.real("layer_norm_epsilon", 1e-5),
        MlpActivation.read(file, "activation", "gelu"),
        false,
        true,
        file.bool("tie_word_embeddings", true),
        0,
        new AttentionConfig(
            heads,
            1,
            headDim,
            RotarySettings.read(file, headDim, positions),
            AttentionConfig.noWindows(layers),
            1 / Math.sqrt(headDim),
            0,
            false));
  }

  @Override
  public ModuleNames names() {
    return NAMES;
  }

  @Override
  public Norm norm(WeightLoader loader, String module, CausalConfig config) throws IOException {
    return Norm.Layer.of(loader, module, config.dModel(), config.normEpsilon());
  }

  @Override
  public CausalLayer layer(LayerLoader loader) throws IOException {
    CausalConfig config = loader.config();
    int width = config.dModel();
    int joined = width + 2 * config.attention().headDim();
    Norm norm = loader.norm("input_layernorm");
    CausalAttention attention =
        loader.attention(
            Projections.queriesFirst(
                loader.linear("self_attention.query_key_value", joined, width, false),
                config.attention()),
            loader.attentionOutput("self_attention.dense", false));
    Mlp mlp =
        new Mlp.Plain(
            loader.up("mlp.dense_h_to_4h", false),
            config.activation(),
            loader.down("mlp.dense_4h_to_h", false));
    return CausalLayer.parallel(loader.index(), norm, attention, norm, mlp);
  }
}

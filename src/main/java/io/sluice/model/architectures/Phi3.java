package io.sluice.model.architectures;

import io.sluice.model.causal.Architecture;
import io.sluice.model.causal.AttentionConfig;
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
 * Phi-3 and Phi-4-mini: Llama with one projection for queries, keys and values and one for the
 * MLP's gate and inner activations; rotary positions on all or part of each head; a window on all
 * layers or none. A model with LongRoPE takes contexts as long as it was first trained with, which
 * have the factors for short contexts.
 *
 * <p>{@code attn_out} is the output of {@code self_attn.o_proj}, {@code mlp_out} that of {@code
 * mlp.down_proj}; the layer adds both as they are.
 */
final class Phi3 implements Architecture {
  @Override
  public String label() {
    return "phi3";
  }

  @Override
  public ModuleNames names() {
    return Llama.NAMES;
  }

  @Override
  public KeyTable configKeys() {
    return CausalConfigFile.keys(label())
        .honoured("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        .honoured("max_position_embeddings", "num_key_value_heads", "head_dim", "rms_norm_eps")
        .honoured("rope_parameters", "rope_scaling", "rope_theta", "partial_rotary_factor")
        .honoured("original_max_position_embeddings", "hidden_act", "sliding_window")
        .unlessFalse("attention_bias", "mlp_bias", "lm_head_bias")
        // Of the code that Phi-4-mini was published with.
        .unlessNumber(1, false, "full_attn_mod", "interpolate_factor");
  }

  @Override
  public CausalConfig config(ConfigFile file) throws IOException {
    CausalConfigFile common = new CausalConfigFile(file);
    int layers = file.integer("num_hidden_layers", 32);
    int width = file.integer("hidden_size", 3072);
    int heads = file.integer("num_attention_heads", 32);
    int headDim = common.headDim(width, heads, CausalConfigFile.FOLLOWS);
    RotarySettings.Short rotary =
        RotarySettings.readLongRope(file, headDim, file.integer("max_position_embeddings", 4096));
    return new CausalConfig(
        this,
        layers,
        width,
        file.integer("intermediate_size", 8192),
        file.integer("vocab_size", 32064),
        rotary.positions(),
        file.real("rms_norm_eps", 1e-5),
        MlpActivation.read(file, "hidden_act", "silu"),
        false,
        false,
        file.bool("tie_word_embeddings", false),
        0,
        new AttentionConfig(
            heads,
            file.integer("num_key_value_heads", heads, heads),
            headDim,
            rotary.rotary(),
            AttentionConfig.sameWindows(layers, common.windowIfGiven()),
            1 / Math.sqrt(headDim),
            0,
            false));
  }

  @Override
  public Norm norm(WeightLoader loader, String module, CausalConfig config) throws IOException {
    return Norm.Rms.of(loader, module, config.dModel(), config.normEpsilon());
  }

  @Override
  public CausalLayer layer(LayerLoader loader) throws IOException {
    CausalConfig config = loader.config();
    return CausalLayer.sequential(
        loader.index(),
        loader.norm("input_layernorm"),
        loader.attention(
            Projections.queriesFirst(
                loader.queriesKeysValues("self_attn.qkv_proj", false), config.attention()),
            loader.attentionOutput("self_attn.o_proj", false)),
        loader.norm("post_attention_layernorm"),
        new Mlp.Gated(
            loader.halfOf("mlp.gate_up_proj", false),
            loader.halfOf("mlp.gate_up_proj", true),
            config.activation(),
            loader.down("mlp.down_proj", false)));
  }
}

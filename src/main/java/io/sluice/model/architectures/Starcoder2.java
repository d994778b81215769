package io.sluice.model.architectures;

import io.sluice.model.causal.Architecture;
import io.sluice.model.causal.AttentionConfig;
import io.sluice.model.causal.CausalConfig;
import io.sluice.model.causal.CausalConfigFile;
import io.sluice.model.causal.CausalLayer;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.causal.GgufKeys;
import io.sluice.model.causal.GgufSettings;
import io.sluice.model.causal.LayerLoader;
import io.sluice.model.causal.Mlp;
import io.sluice.model.causal.ModuleNames;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.parts.MlpActivation;
import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.model.rotary.RotarySettings;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/**
 * StarCoder2: layer norms, rotary positions, grouped queries, plain MLP, biases everywhere or
 * nowhere, a window on all layers or none.
 *
 * <p>{@code attn_out} is the output of {@code self_attn.o_proj}, {@code mlp_out} that of {@code
 * mlp.c_proj}; the layer adds both as they are.
 */
final class Starcoder2 implements Architecture {
  private static final double EPSILON = 1e-5;

  @Override
  public String label() {
    return "starcoder2";
  }

  @Override
  public ModuleNames names() {
    return Llama.NAMES;
  }

  @Override
  public KeyTable configKeys() {
    return CausalConfigFile.keys(label())
        .honoured("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        .honoured("max_position_embeddings", "num_key_value_heads", "head_dim", "norm_epsilon")
        .honoured("rope_parameters", "rope_scaling", "rope_theta", "hidden_act", "use_bias")
        .honoured("original_max_position_embeddings", "sliding_window")
        .unlessNumber(1, true, "partial_rotary_factor")
        .unless("`default`", (value, all) -> value.asText().equals("default"), "mlp_type")
        .unless("`layer_norm`", (value, all) -> value.asText().equals("layer_norm"), "norm_type")
        .unless(
            "what `norm_epsilon` says",
            (value, all) ->
                value.isNumber()
                    && value.doubleValue() == all.get("norm_epsilon").asDouble(EPSILON),
            "layer_norm_epsilon")
        .unlessTrue("scale_attn_weights")
        .noEffect("attention_softmax_in_fp32", "scale_attention_softmax_in_fp32")
        .noEffect("residual_dropout", "embedding_dropout");
  }

  @Override
  public CausalConfig config(ConfigFile file) throws IOException {
    CausalConfigFile common = new CausalConfigFile(file);
    int layers = file.integer("num_hidden_layers", 30);
    int width = file.integer("hidden_size", 3072);
    int heads = file.integer("num_attention_heads", 24);
    int positions = file.integer("max_position_embeddings", 4096);
    int headDim = common.headDim(width, heads, CausalConfigFile.FOLLOWS);
    boolean bias = file.bool("use_bias", true);
    return new CausalConfig(
        this,
        layers,
        width,
        file.integer("intermediate_size", 12288),
        file.integer("vocab_size", 49152),
        positions,
        file.real("norm_epsilon", EPSILON),
        MlpActivation.read(file, "hidden_act", "gelu_pytorch_tanh"),
        bias,
        false,
        file.bool("tie_word_embeddings", true),
        0,
        new AttentionConfig(
            heads,
            file.integer("num_key_value_heads", 2),
            headDim,
            RotarySettings.read(file, headDim, positions),
            AttentionConfig.sameWindows(layers, common.windowIfGiven()),
            1 / Math.sqrt(headDim),
            0,
            bias));
  }

  @Override
  public Norm norm(WeightLoader loader, String module, CausalConfig config) throws IOException {
    return Norm.Layer.of(loader, module, config.dModel(), config.normEpsilon());
  }

  @Override
  public CausalLayer layer(LayerLoader loader) throws IOException {
    CausalConfig config = loader.config();
    boolean bias = config.attention().bias();
    return CausalLayer.sequential(
        loader.index(),
        loader.norm("input_layernorm"),
        loader.attention(
            Llama.projections(loader, bias), loader.attentionOutput("self_attn.o_proj", bias)),
        loader.norm("post_attention_layernorm"),
        new Mlp.Plain(
            loader.up("mlp.c_fc", bias), config.activation(), loader.down("mlp.c_proj", bias)));
  }

  @Override
  public GgufForm gguf() {
    return new Gguf();
  }

  /** In GGUF files, which do not record a window. */
  private static final class Gguf extends GgufForm {
    private static final Map<String, String> NAMES = new HashMap<>(Llama.GGUF_NAMES);

    static {
      NAMES.put("mlp.c_fc", "ffn_up");
      NAMES.put("mlp.c_proj", "ffn_down");
    }

    Gguf() {
      super("starcoder2", NAMES);
    }

    @Override
    public KeyTable keys() {
      return GgufKeys.withRotary(GgufKeys.withLayerNorm(label()));
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
          "attention.layer_norm_epsilon", MlpActivation.GELU_TANH, false, 0, attention);
    }
  }
}

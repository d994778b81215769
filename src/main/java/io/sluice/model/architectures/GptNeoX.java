package io.sluice.model.architectures;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.model.causal.Architecture;
import io.sluice.model.causal.AttentionConfig;
import io.sluice.model.causal.CausalAttention;
import io.sluice.model.causal.CausalConfig;
import io.sluice.model.causal.CausalConfigFile;
import io.sluice.model.causal.CausalLayer;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.causal.GgufKeys;
import io.sluice.model.causal.GgufSettings;
import io.sluice.model.causal.GgufTensor;
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
import io.sluice.torch.Tensor;
import java.io.IOException;
import java.util.Map;

/**
 * GPT-NeoX and Pythia: attention and MLP read the same residual stream, layer norms, rotary
 * positions on part of each head, one projection for queries, keys and values.
 *
 * <p>{@code attn_out} is the output of {@code attention.dense}, {@code mlp_out} that of {@code
 * mlp.dense_4h_to_h}; the layer adds both as they are.
 */
final class GptNeoX implements Architecture {
  private static final ModuleNames NAMES =
      new ModuleNames(
          "gpt_neox.",
          "gpt_neox.layers.",
          "gpt_neox.embed_in",
          null,
          "gpt_neox.final_layer_norm",
          "embed_out");

  @Override
  public String label() {
    return "gpt_neox";
  }

  @Override
  public ModuleNames names() {
    return NAMES;
  }

  @Override
  public KeyTable configKeys() {
    return CausalConfigFile.keys(label())
        .honoured("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        .honoured("max_position_embeddings", "hidden_act", "layer_norm_eps")
        .honoured("use_parallel_residual", "attention_bias")
        .honoured("rope_parameters", "rope_scaling", "rotary_emb_base", "rotary_pct")
        .honoured("original_max_position_embeddings")
        .unless(
            "what `rotary_emb_base` or `rope_parameters` says",
            (value, all) ->
                value.isNumber()
                    && value.doubleValue() == rotary(all, "rope_theta", "rotary_emb_base", 10000),
            "rope_theta")
        .unless(
            "what `rotary_pct` or `rope_parameters` says",
            (value, all) ->
                value.isNumber()
                    && value.doubleValue()
                        == rotary(all, "partial_rotary_factor", "rotary_pct", 0.25),
            "partial_rotary_factor");
  }

  /** Reads a setting from the newer key, or else from the key of GPT-NeoX. */
  private static double rotary(KeyTable.Values all, String key, String own, double otherwise)
      throws IOException {
    JsonNode scaling = all.get("rope_scaling");
    JsonNode rope = scaling.isObject() && !scaling.isEmpty() ? scaling : all.get("rope_parameters");
    return rope.path(key).asDouble(all.get(own).asDouble(otherwise));
  }

  @Override
  public CausalConfig config(ConfigFile file) throws IOException {
    int layers = file.integer("num_hidden_layers", 44);
    int width = file.integer("hidden_size", 6144);
    int heads = file.integer("num_attention_heads", 64);
    int positions = file.integer("max_position_embeddings", 2048);
    int headDim = CausalConfigFile.divided(width, heads);
    return new CausalConfig(
        this,
        layers,
        width,
        file.integer("intermediate_size", 24576),
        file.integer("vocab_size", 50432),
        positions,
        file.real("layer_norm_eps", 1e-5),
        MlpActivation.read(file, "hidden_act", "gelu"),
        true,
        file.bool("use_parallel_residual", true),
        file.bool("tie_word_embeddings", false),
        0,
        new AttentionConfig(
            heads,
            heads,
            headDim,
            RotarySettings.readPartial(
                file, headDim, positions, "rotary_emb_base", "rotary_pct", 0.25),
            AttentionConfig.noWindows(layers),
            1 / Math.sqrt(headDim),
            0,
            file.bool("attention_bias", true)));
  }

  @Override
  public Norm norm(WeightLoader loader, String module, CausalConfig config) throws IOException {
    return Norm.Layer.of(loader, module, config.dModel(), config.normEpsilon());
  }

  @Override
  public CausalLayer layer(LayerLoader loader) throws IOException {
    CausalConfig config = loader.config();
    int d = config.dModel();
    boolean bias = config.attention().bias();
    Norm attentionNorm = loader.norm("input_layernorm");
    CausalAttention attention =
        loader.attention(
            Projections.headByHead(
                loader.linear("attention.query_key_value", 3L * d, d, bias), config.attention()),
            loader.attentionOutput("attention.dense", bias));
    Norm mlpNorm = loader.norm("post_attention_layernorm");
    Mlp mlp =
        new Mlp.Plain(
            loader.up("mlp.dense_h_to_4h", true),
            config.activation(),
            loader.down("mlp.dense_4h_to_h", true));
    return config.parallelResidual()
        ? CausalLayer.parallel(loader.index(), attentionNorm, attention, mlpNorm, mlp)
        : CausalLayer.sequential(loader.index(), attentionNorm, attention, mlpNorm, mlp);
  }

  @Override
  public GgufForm gguf() {
    return new Gguf();
  }

  /** In GGUF files. */
  private static final class Gguf extends GgufForm {
    private static final Map<String, String> NAMES =
        Map.ofEntries(
            Map.entry("gpt_neox.embed_in", "token_embd"),
            Map.entry("gpt_neox.final_layer_norm", "output_norm"),
            Map.entry("embed_out", "output"),
            Map.entry("input_layernorm", "attn_norm"),
            Map.entry("attention.query_key_value", "attn_qkv"),
            Map.entry("attention.dense", "attn_output"),
            Map.entry("post_attention_layernorm", "ffn_norm"),
            Map.entry("mlp.dense_h_to_4h", "ffn_up"),
            Map.entry("mlp.dense_4h_to_h", "ffn_down"));

    Gguf() {
      super("gptneox", NAMES);
    }

    @Override
    public KeyTable keys() {
      return GgufKeys.withRotary(GgufKeys.withLayerNorm(label()).honoured("use_parallel_residual"));
    }

    @Override
    public CausalConfig config(GgufSettings settings) throws IOException {
      AttentionConfig attention =
          settings.attention(
              settings.partialRotary(),
              AttentionConfig.noWindows(settings.layers()),
              settings.headDim(),
              0,
              true);
      return settings.config(
          "attention.layer_norm_epsilon",
          MlpActivation.GELU,
          settings.flag("use_parallel_residual", true),
          0,
          attention);
    }

    /** The converter puts all heads' queries first, then keys, then values. */
    @Override
    public Tensor restored(GgufTensor tensor) throws IOException {
      return tensor.name().contains(".attn_qkv.") ? tensor.headByHead() : tensor.values();
    }
  }
}

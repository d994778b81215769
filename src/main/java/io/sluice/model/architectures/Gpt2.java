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
import io.sluice.model.causal.Projections;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.parts.MlpActivation;
import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import java.io.IOException;
import java.util.Map;

/**
 * GPT-2: learned positions, layer norms, one projection for queries, keys and values, plain MLP,
 * biases everywhere. Its checkpoints keep matrices as {@code [in, out]}.
 *
 * <p>{@code attn_out} is the output of {@code attn.c_proj}, {@code mlp_out} that of {@code
 * mlp.c_proj}; the layer adds both as they are.
 */
final class Gpt2 implements Architecture {
  private static final ModuleNames NAMES =
      new ModuleNames(
          "transformer.",
          "transformer.h.",
          "transformer.wte",
          "transformer.wpe",
          "transformer.ln_f",
          "lm_head");

  @Override
  public String label() {
    return "gpt2";
  }

  @Override
  public ModuleNames names() {
    return NAMES;
  }

  @Override
  public KeyTable configKeys() {
    return CausalConfigFile.keys(label())
        .honoured("n_embd", "n_layer", "n_head", "n_positions", "n_inner")
        .honoured("hidden_size", "num_hidden_layers", "num_attention_heads")
        .honoured("max_position_embeddings", "activation_function", "layer_norm_epsilon")
        .unlessTrue("scale_attn_weights")
        .unlessFalse("scale_attn_by_inverse_layer_idx")
        .noEffect("reorder_and_upcast_attn", "n_ctx", "n_special", "predict_special_tokens")
        .noEffect("summary_type", "summary_use_proj", "summary_activation")
        .noEffect("summary_proj_to_labels", "summary_first_dropout", "summary_last_dropout");
  }

  @Override
  public CausalConfig config(ConfigFile file) throws IOException {
    int layers = alias(file, "n_layer", "num_hidden_layers", 12);
    int width = alias(file, "n_embd", "hidden_size", 768);
    int heads = alias(file, "n_head", "num_attention_heads", 12);
    int headDim = CausalConfigFile.divided(width, heads);
    if (width > Integer.MAX_VALUE / 4) {
      throw file.damaged("n_embd is " + width);
    }
    int inner = 4 * width;
    return new CausalConfig(
        this,
        layers,
        width,
        file.integer("n_inner", inner, inner),
        file.integer("vocab_size", 50257),
        alias(file, "n_positions", "max_position_embeddings", 1024),
        file.real("layer_norm_epsilon", 1e-5),
        MlpActivation.read(file, "activation_function", "gelu_new"),
        true,
        false,
        file.bool("tie_word_embeddings", true),
        0,
        new AttentionConfig(
            heads,
            heads,
            headDim,
            null,
            AttentionConfig.noWindows(layers),
            1 / Math.sqrt(headDim),
            0,
            true));
  }

  /** A size that GPT-2 has under a name of its own and under that of the other architectures. */
  private static int alias(ConfigFile file, String name, String other, int otherwise)
      throws IOException {
    int value = file.integer(name, file.integer(other, otherwise));
    if (file.integer(other, value) != value) {
      throw file.damaged(name + " is " + value + ", and " + other + " is " + file.value(other));
    }
    return value;
  }

  @Override
  public Norm norm(WeightLoader loader, String module, CausalConfig config) throws IOException {
    return Norm.Layer.of(loader, module, config.dModel(), config.normEpsilon());
  }

  @Override
  public CausalLayer layer(LayerLoader loader) throws IOException {
    CausalConfig config = loader.config();
    int d = config.dModel();
    return CausalLayer.sequential(
        loader.index(),
        loader.norm("ln_1"),
        loader.attention(
            Projections.queriesFirst(
                loader.transposed("attn.c_attn", 3L * d, d), config.attention()),
            loader.transposed("attn.c_proj", d, d)),
        loader.norm("ln_2"),
        new Mlp.Plain(
            loader.transposed("mlp.c_fc", config.intermediate(), d),
            config.activation(),
            loader.transposed("mlp.c_proj", d, config.intermediate())));
  }

  @Override
  public GgufForm gguf() {
    return new Gguf();
  }

  /** In GGUF files. */
  private static final class Gguf extends GgufForm {
    private static final Map<String, String> NAMES =
        Map.ofEntries(
            Map.entry("transformer.wte", "token_embd"),
            Map.entry("transformer.wpe", "position_embd"),
            Map.entry("transformer.ln_f", "output_norm"),
            Map.entry("lm_head", "output"),
            Map.entry("ln_1", "attn_norm"),
            Map.entry("attn.c_attn", "attn_qkv"),
            Map.entry("attn.c_proj", "attn_output"),
            Map.entry("ln_2", "ffn_norm"),
            Map.entry("mlp.c_fc", "ffn_up"),
            Map.entry("mlp.c_proj", "ffn_down"));

    Gguf() {
      super("gpt2", NAMES);
    }

    @Override
    public KeyTable keys() {
      return GgufKeys.withLayerNorm(label());
    }

    @Override
    public CausalConfig config(GgufSettings settings) throws IOException {
      AttentionConfig attention =
          settings.attention(
              null, AttentionConfig.noWindows(settings.layers()), settings.headDim(), 0, true);
      return settings.config(
          "attention.layer_norm_epsilon", MlpActivation.GELU_TANH, false, 0, attention);
    }

    /** HuggingFace's files store the projections as {@code [in, out]}, GGUF files do not. */
    @Override
    public boolean isTransposed(String name) {
      return name.contains(".c_") && name.endsWith(".weight");
    }
  }
}

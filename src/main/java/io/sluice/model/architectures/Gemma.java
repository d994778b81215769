package io.sluice.model.architectures;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.memory.DType;
import io.sluice.model.causal.Architecture;
import io.sluice.model.causal.AttentionConfig;
import io.sluice.model.causal.CausalConfig;
import io.sluice.model.causal.CausalLayer;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.causal.GgufKeys;
import io.sluice.model.causal.GgufSettings;
import io.sluice.model.causal.GgufTensor;
import io.sluice.model.causal.LayerLoader;
import io.sluice.model.causal.ModuleNames;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.parts.MlpActivation;
import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.model.rotary.RotarySettings;
import io.sluice.torch.Tensor;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * Gemma: Llama with embeddings times {@code √dModel}, norms whose weights count from 1, and GELU in
 * the MLP. Subclasses define what differs in later ones.
 *
 * <p>{@code attn_out} is the output of {@code self_attn.o_proj}, {@code mlp_out} that of {@code
 * mlp.down_proj}; the layer adds both as they are.
 */
class Gemma implements Architecture {
  /** The names of GELU's tanh approximation; "gelu" means it, too, in files of 2024. */
  private static final List<String> GELU = List.of("gelu", "gelu_pytorch_tanh");

  @Override
  public String label() {
    return "gemma";
  }

  @Override
  public ModuleNames names() {
    return Llama.NAMES;
  }

  @Override
  public KeyTable configKeys() {
    return Llama.rmsKeys(label())
        .honoured("hidden_act", "attention_bias")
        .unlessFalse("mlp_bias")
        .unless(
            "`null`, or what `hidden_act` says",
            (value, all) -> value.isNull() || isSame(value, all.get("hidden_act")),
            "hidden_activation");
  }

  private static boolean isSame(JsonNode value, JsonNode function) {
    String name = function.asText("gelu");
    return GELU.contains(name) ? GELU.contains(value.asText()) : name.equals(value.asText());
  }

  @Override
  public CausalConfig config(ConfigFile file) throws IOException {
    int layers = file.integer("num_hidden_layers", 28);
    int positions = file.integer("max_position_embeddings", 8192);
    int headDim = file.integer("head_dim", 256);
    String function = file.text("hidden_act", "gelu");
    return new CausalConfig(
        this,
        layers,
        file.integer("hidden_size", 3072),
        file.integer("intermediate_size", 24576),
        file.integer("vocab_size", 256000),
        positions,
        file.real("rms_norm_eps", 1e-6),
        GELU.contains(function)
            ? MlpActivation.GELU_TANH
            : MlpActivation.read(file, "hidden_act", function),
        false,
        false,
        file.bool("tie_word_embeddings", true),
        0,
        new AttentionConfig(
            file.integer("num_attention_heads", 16),
            file.integer("num_key_value_heads", 16),
            headDim,
            RotarySettings.read(file, headDim, positions),
            AttentionConfig.noWindows(layers),
            1 / Math.sqrt(headDim),
            0,
            file.bool("attention_bias", false)));
  }

  @Override
  public double embeddingScale(CausalConfig config) {
    return Math.sqrt(config.dModel());
  }

  @Override
  public Norm norm(WeightLoader loader, String module, CausalConfig config) throws IOException {
    return new Norm.Rms(
        loader.loadPlusOne(module + ".weight", config.dModel()), config.normEpsilon());
  }

  @Override
  public CausalLayer layer(LayerLoader loader) throws IOException {
    boolean bias = loader.config().attention().bias();
    return CausalLayer.sequential(
        loader.index(),
        loader.norm("input_layernorm"),
        loader.attention(
            Llama.projections(loader, bias), loader.attentionOutput("self_attn.o_proj", bias)),
        loader.norm("post_attention_layernorm"),
        Llama.mlp(loader));
  }

  @Override
  public GgufForm gguf() {
    return new Gguf("gemma", Llama.GGUF_NAMES);
  }

  /** In GGUF files, whose converter adds the 1 from which the weights of norms count. */
  static class Gguf extends GgufForm {
    Gguf(String label, Map<String, String> names) {
      super(label, names);
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
          "attention.layer_norm_rms_epsilon", MlpActivation.GELU_TANH, false, 0, attention);
    }

    @Override
    public final Tensor restored(GgufTensor tensor) {
      return tensor.name().contains("_norm.")
          ? tensor.values().to(DType.F32).add(-1)
          : tensor.values();
    }
  }
}

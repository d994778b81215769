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
import io.sluice.model.causal.MixtureConfig;
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
import java.util.List;
import java.util.Map;

/**
 * Llama 2 and 3, SmolLM2: RMS norms, rotary positions, grouped queries, gated MLP. Subclasses
 * define what differs in similar models.
 *
 * <p>{@code attn_out} is the output of {@code self_attn.o_proj}, {@code mlp_out} that of {@code
 * mlp.down_proj}; the layer adds both as they are.
 */
public class Llama implements Architecture {
  static final ModuleNames NAMES =
      new ModuleNames(
          "model.", "model.layers.", "model.embed_tokens", null, "model.norm", "lm_head");

  /** The modules of GGUF files. */
  static final Map<String, String> GGUF_NAMES =
      Map.ofEntries(
          Map.entry("model.embed_tokens", "token_embd"),
          Map.entry("model.norm", "output_norm"),
          Map.entry("lm_head", "output"),
          Map.entry("input_layernorm", "attn_norm"),
          Map.entry("self_attn.q_proj", "attn_q"),
          Map.entry("self_attn.k_proj", "attn_k"),
          Map.entry("self_attn.v_proj", "attn_v"),
          Map.entry("self_attn.o_proj", "attn_output"),
          Map.entry("self_attn.q_norm", "attn_q_norm"),
          Map.entry("self_attn.k_norm", "attn_k_norm"),
          Map.entry("post_attention_layernorm", "ffn_norm"),
          Map.entry("mlp.gate_proj", "ffn_gate"),
          Map.entry("mlp.up_proj", "ffn_up"),
          Map.entry("mlp.down_proj", "ffn_down"));

  /**
   * What a file means that lacks a number: the defaults of a class in {@code transformers}.
   *
   * @param keyValueHeads {@link CausalConfigFile#FOLLOWS} for as many as there are heads
   * @param headDim {@link CausalConfigFile#FOLLOWS} for the width divided by the heads
   * @param rotaryBase of rotary positions
   */
  protected record Defaults(
      int layers,
      int width,
      int heads,
      int vocabulary,
      int intermediate,
      int keyValueHeads,
      int headDim,
      int positions,
      double rotaryBase) {
    /** Those of a class that has Llama's other numbers. */
    protected Defaults(
        int vocabulary, int intermediate, int keyValueHeads, int headDim, int positions) {
      this(
          32,
          4096,
          32,
          vocabulary,
          intermediate,
          keyValueHeads,
          headDim,
          positions,
          RotarySettings.BASE);
    }
  }

  @Override
  public String label() {
    return "llama";
  }

  @Override
  public ModuleNames names() {
    return NAMES;
  }

  @Override
  public KeyTable configKeys() {
    return rmsKeys(label())
        .honoured("hidden_act", "attention_bias", "mlp_bias")
        .unlessFalse("use_sliding_window", "use_qk_norm", "bias")
        .unless(
            "`null`, or no less than `max_position_embeddings`",
            (value, all) ->
                value.isNull()
                    || value.isNumber()
                        && value.doubleValue() >= all.get("max_position_embeddings").asDouble(2048),
            "sliding_window")
        .unless("`full_attention` throughout", (value, all) -> isFull(value), "layer_types")
        .noEffect("max_window_layers");
  }

  /** The keys of models with RMS norms, grouped queries and rotary positions. */
  static KeyTable rmsKeys(String label) {
    return CausalConfigFile.keys(label)
        .honoured("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        .honoured("max_position_embeddings", "num_key_value_heads", "head_dim", "rms_norm_eps")
        .honoured("rope_parameters", "rope_scaling", "rope_theta")
        .honoured("original_max_position_embeddings")
        .unlessNumber(1, true, "partial_rotary_factor");
  }

  static boolean isFull(JsonNode layerTypes) {
    return layerTypes.isNull() || allAre(layerTypes, "full_attention");
  }

  static boolean allAre(JsonNode layerTypes, String type) {
    for (JsonNode each : layerTypes) {
      if (!each.asText().equals(type)) {
        return false;
      }
    }
    return layerTypes.isArray();
  }

  @Override
  public CausalConfig config(ConfigFile file) throws IOException {
    CausalConfigFile common = new CausalConfigFile(file);
    Defaults defaults = defaults();
    int layers = file.integer("num_hidden_layers", defaults.layers);
    int width = file.integer("hidden_size", defaults.width);
    int heads = file.integer("num_attention_heads", defaults.heads);
    int positions = file.integer("max_position_embeddings", defaults.positions);
    boolean each = defaults.keyValueHeads == CausalConfigFile.FOLLOWS;
    int keyValueHeads =
        file.integer("num_key_value_heads", each ? heads : defaults.keyValueHeads, heads);
    int headDim = common.headDim(width, heads, defaults.headDim);
    return new CausalConfig(
        this,
        layers,
        width,
        file.integer("intermediate_size", defaults.intermediate),
        file.integer("vocab_size", defaults.vocabulary),
        positions,
        file.real("rms_norm_eps", defaultEpsilon()),
        MlpActivation.read(file, "hidden_act", "silu"),
        mlpBias(file),
        false,
        file.bool("tie_word_embeddings", false),
        0,
        new AttentionConfig(
            heads,
            keyValueHeads,
            headDim,
            RotarySettings.read(file, headDim, positions, defaults.rotaryBase),
            windows(common, layers),
            1 / Math.sqrt(headDim),
            0,
            attentionBias(file)),
        mixture(file, layers));
  }

  /** The mixtures of experts; null for none. */
  protected MixtureConfig mixture(ConfigFile file, int layers) throws IOException {
    return null;
  }

  protected Defaults defaults() {
    return new Defaults(32000, 11008, CausalConfigFile.FOLLOWS, CausalConfigFile.FOLLOWS, 2048);
  }

  /** The epsilon of the norms where a file does not say. */
  protected double defaultEpsilon() {
    return 1e-6;
  }

  /** How many tokens each layer's queries attend to; 0 for all before. */
  protected List<Integer> windows(CausalConfigFile file, int layers) throws IOException {
    return AttentionConfig.noWindows(layers);
  }

  /** Whether the attention's projections have biases. */
  protected boolean attentionBias(ConfigFile file) throws IOException {
    return file.bool("attention_bias", false);
  }

  /** Whether the MLP's projections have biases. */
  protected boolean mlpBias(ConfigFile file) throws IOException {
    return file.bool("mlp_bias", false);
  }

  @Override
  public Norm norm(WeightLoader loader, String module, CausalConfig config) throws IOException {
    return Norm.Rms.of(loader, module, config.dModel(), config.normEpsilon());
  }

  @Override
  public CausalLayer layer(LayerLoader loader) throws IOException {
    return CausalLayer.sequential(
        loader.index(),
        loader.norm("input_layernorm"),
        attention(loader),
        loader.norm("post_attention_layernorm"),
        feedForward(loader));
  }

  /** The attention of a layer. */
  protected CausalAttention attention(LayerLoader loader) throws IOException {
    boolean bias = loader.config().attention().bias();
    return loader.attention(
        projections(loader, bias), loader.attentionOutput("self_attn.o_proj", bias));
  }

  /** What stands after the attention of a layer. */
  protected Mlp feedForward(LayerLoader loader) throws IOException {
    return mlp(loader);
  }

  static Projections projections(LayerLoader loader, boolean bias) throws IOException {
    return Projections.separate(
        loader.queries("self_attn.q_proj", bias),
        loader.keysOrValues("self_attn.k_proj", bias),
        loader.keysOrValues("self_attn.v_proj", bias),
        loader.config().attention());
  }

  static Mlp mlp(LayerLoader loader) throws IOException {
    boolean bias = loader.config().mlpBias();
    return new Mlp.Gated(
        loader.up("mlp.gate_proj", bias),
        loader.up("mlp.up_proj", bias),
        loader.config().activation(),
        loader.down("mlp.down_proj", bias));
  }

  @Override
  public GgufForm gguf() {
    return new Gguf();
  }

  /** In GGUF files. */
  protected class Gguf extends GgufForm {
    protected Gguf() {
      super(Llama.this.label(), GGUF_NAMES);
    }

    @Override
    public KeyTable keys() {
      return GgufKeys.withRmsNorm(label())
          .unlessNumber(0, false, "attn_logit_softcapping", "final_logit_softcapping")
          .unless(
              "`0`, or no less than `context_length`",
              (value, all) ->
                  value.asLong(-1) == 0
                      || value.asLong(-1) >= all.get("context_length").asLong(Long.MAX_VALUE),
              "attention.sliding_window")
          .unless(
              "`Meta AI original pth`",
              (value, all) -> value.asText().equals("Meta AI original pth"),
              "tensor_data_layout");
    }

    @Override
    public CausalConfig config(GgufSettings settings) throws IOException {
      AttentionConfig attention =
          settings.attention(
              rotatesWholeHeads() ? settings.rotary() : settings.partialRotary(),
              AttentionConfig.noWindows(settings.layers()),
              settings.headDim(),
              0,
              attentionBias(settings));
      return settings.config(
          "attention.layer_norm_rms_epsilon", MlpActivation.SILU, false, 0, attention);
    }

    /** Whether positions rotate all dimensions of a head. */
    protected boolean rotatesWholeHeads() {
      return true;
    }

    /** Whether the projections to queries, keys and values have biases. */
    protected boolean attentionBias(GgufSettings settings) {
      return settings.has("blk.0.attn_q.bias");
    }

    /** The converter puts the two halves of the rows of each query and key side by side. */
    @Override
    public Tensor restored(GgufTensor tensor) throws IOException {
      AttentionConfig attention = tensor.config().attention();
      return tensor.name().contains(".attn_q.")
          ? tensor.halfByHalf(attention.heads())
          : tensor.name().contains(".attn_k.")
              ? tensor.halfByHalf(attention.keyValueHeads())
              : tensor.values();
    }
  }
}

package io.sluice.model.architectures;

import io.sluice.model.causal.AttentionConfig;
import io.sluice.model.causal.CausalConfig;
import io.sluice.model.causal.CausalConfigFile;
import io.sluice.model.causal.CausalLayer;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.causal.GgufKeys;
import io.sluice.model.causal.GgufSettings;
import io.sluice.model.causal.LayerLoader;
import io.sluice.model.causal.Projections;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.parts.MlpActivation;
import io.sluice.model.rotary.RotarySettings;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Gemma 2: {@link Gemma} with norms before and after attention and MLP, every other layer with a
 * window, caps on attention scores and logits.
 *
 * <p>{@code attn_out} is the output of {@code self_attn.o_proj}, and {@code mlp_out} that of {@code
 * mlp.down_proj}: before {@code post_attention_layernorm} and {@code post_feedforward_layernorm},
 * whose results the layer adds.
 */
class Gemma2 extends Gemma {
  /** llama.cpp tells Gemma 2's models apart by their layers; only the largest scales by width. */
  private static final int LAYERS_OF_27B = 46;

  @Override
  public String label() {
    return "gemma2";
  }

  @Override
  public KeyTable configKeys() {
    return Llama.rmsKeys(label())
        .honoured("hidden_activation", "attention_bias", "sliding_window", "layer_types")
        .honoured("query_pre_attn_scalar", "attn_logit_softcapping", "final_logit_softcapping")
        .unlessFalse("mlp_bias")
        .unless(
            "what `sliding_window` says",
            (value, all) ->
                value.isNumber() && value.doubleValue() == all.get("sliding_window").asDouble(4096),
            "sliding_window_size")
        // Only hidden_activation is read: files of 2024 have another function here.
        .noEffect("hidden_act");
  }

  @Override
  public CausalConfig config(ConfigFile file) throws IOException {
    CausalConfigFile common = new CausalConfigFile(file);
    int layers = file.integer("num_hidden_layers", 26);
    int width = file.integer("hidden_size", 2304);
    int heads = file.integer("num_attention_heads", 8);
    int positions = file.integer("max_position_embeddings", 8192);
    int headDim = file.integer("head_dim", 256);
    return new CausalConfig(
        this,
        layers,
        width,
        file.integer("intermediate_size", 9216),
        file.integer("vocab_size", 256000),
        positions,
        file.real("rms_norm_eps", 1e-6),
        MlpActivation.read(file, "hidden_activation", "gelu_pytorch_tanh"),
        false,
        false,
        file.bool("tie_word_embeddings", true),
        common.cap("final_logit_softcapping", 30),
        new AttentionConfig(
            heads,
            file.integer("num_key_value_heads", 4),
            headDim,
            RotarySettings.read(file, headDim, positions),
            common.windows(layers, common.window(), layer -> layer % 2 == 0),
            1 / Math.sqrt(file.real("query_pre_attn_scalar", 256)),
            common.cap("attn_logit_softcapping", 50),
            file.bool("attention_bias", false)));
  }

  @Override
  public CausalLayer layer(LayerLoader loader) throws IOException {
    boolean bias = loader.config().attention().bias();
    return new CausalLayer(
        loader.index(),
        false,
        loader.norm("input_layernorm"),
        loader.attention(
            projections(loader, bias), loader.attentionOutput("self_attn.o_proj", bias)),
        loader.norm("post_attention_layernorm"),
        loader.norm("pre_feedforward_layernorm"),
        Llama.mlp(loader),
        loader.norm("post_feedforward_layernorm"));
  }

  /** Computes queries, keys and values. */
  protected Projections projections(LayerLoader loader, boolean bias) throws IOException {
    return Llama.projections(loader, bias);
  }

  @Override
  public GgufForm gguf() {
    return new Gguf();
  }

  /** In GGUF files. */
  private static final class Gguf extends Gemma.Gguf {
    static final Map<String, String> NAMES = new HashMap<>(Llama.GGUF_NAMES);

    static {
      NAMES.put("post_attention_layernorm", "post_attention_norm");
      NAMES.put("pre_feedforward_layernorm", "ffn_norm");
      NAMES.put("post_feedforward_layernorm", "post_ffw_norm");
    }

    Gguf() {
      super("gemma2", NAMES);
    }

    @Override
    public KeyTable keys() {
      return GgufKeys.withRmsNorm(label())
          .honoured("attention.sliding_window", "attn_logit_softcapping", "final_logit_softcapping")
          .unlessNumber(2, false, "attention.sliding_window_pattern")
          .unless(
              "what `rope.freq_base` says",
              (value, all) -> value.asDouble() == all.get("rope.freq_base").asDouble(10000),
              "rope.freq_base_swa");
    }

    @Override
    public CausalConfig config(GgufSettings settings) throws IOException {
      boolean byWidth = settings.layers() == LAYERS_OF_27B;
      double logitCap = settings.real("final_logit_softcapping", 30);
      AttentionConfig attention =
          settings.attention(
              settings.partialRotary(),
              windows(settings),
              byWidth ? settings.width() / settings.heads() : settings.headDim(),
              settings.real("attn_logit_softcapping", 50),
              settings.has("blk.0.attn_q.bias"));
      return settings.config(
          "attention.layer_norm_rms_epsilon", MlpActivation.GELU_TANH, false, logitCap, attention);
    }

    private static List<Integer> windows(GgufSettings settings) throws IOException {
      int window = settings.size("attention.sliding_window", 4096);
      List<Integer> windows = new ArrayList<>(settings.layers());
      for (int layer = 0; layer < settings.layers(); layer++) {
        windows.add(layer % 2 == 0 ? window : 0);
      }
      return windows;
    }
  }

  /** llama.cpp's names of modules, norms after attention and MLP among them. */
  static Map<String, String> ggufNames() {
    return Gguf.NAMES;
  }
}

package io.sluice.model.architectures;

import io.sluice.model.causal.AttentionConfig;
import io.sluice.model.causal.CausalConfig;
import io.sluice.model.causal.CausalConfigFile;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.causal.GgufSettings;
import io.sluice.model.causal.LayerLoader;
import io.sluice.model.causal.Projections;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.parts.MlpActivation;
import io.sluice.model.rotary.RotarySettings;
import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The language model of Gemma 3: {@link Gemma2} with a norm on each head's query and key in place
 * of caps. Most layers have a window, and rotate queries and keys by other angles than the rest.
 */
class Gemma3 extends Gemma2 {
  @Override
  public String label() {
    return "gemma3_text";
  }

  @Override
  public KeyTable configKeys() {
    return CausalConfigFile.keys(label())
        .honoured("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        .honoured("max_position_embeddings", "num_key_value_heads", "head_dim", "rms_norm_eps")
        .honoured("rope_parameters", "rope_scaling", "rope_theta", "rope_local_base_freq")
        .honoured("hidden_activation", "attention_bias", "sliding_window", "layer_types")
        .honoured("sliding_window_pattern", "query_pre_attn_scalar", "final_logit_softcapping")
        .unlessNone("attn_logit_softcapping")
        .unlessFalse("mlp_bias")
        // The pattern under this name is what a file was saved from; its layer_types count.
        .noEffect("_sliding_window_pattern");
  }

  @Override
  public CausalConfig config(ConfigFile file) throws IOException {
    CausalConfigFile common = new CausalConfigFile(file);
    int layers = file.integer("num_hidden_layers", 26);
    int positions = file.integer("max_position_embeddings", 131072);
    int headDim = file.integer("head_dim", 256);
    int pattern = file.integer("sliding_window_pattern", 6);
    if (pattern < 1) {
      throw file.damaged("sliding_window_pattern is " + pattern);
    }
    RotarySettings.ByLayerType rotary =
        RotarySettings.readByLayerType(
            file,
            headDim,
            positions,
            new RotarySettings.OlderKeys("rope_theta", 1e6, "rope_local_base_freq", false));
    return new CausalConfig(
        this,
        layers,
        file.integer("hidden_size", 2304),
        file.integer("intermediate_size", 9216),
        file.integer("vocab_size", 262208),
        positions,
        file.real("rms_norm_eps", 1e-6),
        MlpActivation.read(file, "hidden_activation", "gelu_pytorch_tanh"),
        false,
        false,
        file.bool("tie_word_embeddings", true),
        file.isGiven("final_logit_softcapping") ? common.cap("final_logit_softcapping", 0) : 0,
        new AttentionConfig(
            file.integer("num_attention_heads", 8),
            file.integer("num_key_value_heads", 4),
            headDim,
            rotary.full(),
            rotary.sliding(),
            common.windows(layers, common.windowOrNone(), layer -> (layer + 1) % pattern != 0),
            1 / Math.sqrt(file.real("query_pre_attn_scalar", 256)),
            0,
            file.bool("attention_bias", false)));
  }

  @Override
  protected Projections projections(LayerLoader loader, boolean bias) throws IOException {
    return Llama.projections(loader, bias)
        .normalised(
            loader.headNormPlusOne("self_attn.q_norm"), loader.headNormPlusOne("self_attn.k_norm"));
  }

  @Override
  public GgufForm gguf() {
    return new Gguf();
  }

  /** In GGUF files. */
  private static final class Gguf extends Gemma.Gguf {
    /** The only size whose scores llama.cpp scales by width. */
    private static final int LAYERS_OF_27B = 62;

    Gguf() {
      super("gemma3", Gemma2.ggufNames());
    }

    @Override
    public KeyTable keys() {
      return super.keys()
          .honoured("attention.sliding_window", "attention.sliding_window_pattern")
          .honoured("rope.freq_base_swa", "final_logit_softcapping")
          .unlessNumber(0, false, "attn_logit_softcapping");
    }

    @Override
    public CausalConfig config(GgufSettings settings) throws IOException {
      int layers = settings.layers();
      boolean byWidth = layers == LAYERS_OF_27B;
      double logitCap = settings.real("final_logit_softcapping", 0);
      AttentionConfig attention =
          settings
              .attention(
                  settings.rotary(),
                  windows(settings),
                  byWidth ? settings.width() / settings.heads() : settings.headDim(),
                  0,
                  settings.has("blk.0.attn_q.bias"))
              .withWindowedRotary(settings.windowedRotary());
      return settings.config(
          "attention.layer_norm_rms_epsilon", MlpActivation.GELU_TANH, false, logitCap, attention);
    }

    /** Without a window in the file, all layers see everything before. */
    private static List<Integer> windows(GgufSettings settings) throws IOException {
      int window = settings.sizeOrNone("attention.sliding_window");
      int pattern = settings.size("attention.sliding_window_pattern", 6);
      return IntStream.range(0, settings.layers())
          .mapToObj(layer -> (layer + 1) % pattern == 0 ? 0 : window)
          .toList();
    }
  }
}

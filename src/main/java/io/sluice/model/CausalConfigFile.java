package io.sluice.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads the configuration of a causal language model from HuggingFace's {@code config.json}. A
 * setting that is missing has the default of {@code transformers}; one that changes the computation
 * in a way that is not implemented is refused.
 */
final class CausalConfigFile {
  private final ConfigFile file;
  private final Architecture architecture;

  private CausalConfigFile(ConfigFile file, Architecture architecture) {
    this.file = file;
    this.architecture = architecture;
  }

  /**
   * What the file says.
   *
   * @throws IOException if a setting is missing, out of range or not supported
   */
  static CausalConfig read(ConfigFile file, Architecture architecture) throws IOException {
    CausalConfigFile reading = new CausalConfigFile(file, architecture);
    try {
      return switch (architecture) {
        case GPT2 -> reading.gpt2();
        case GPT_NEOX -> reading.neoX();
        case LLAMA, MISTRAL, QWEN2, QWEN3 -> reading.llama();
        case GEMMA2 -> reading.gemma2();
      };
    } catch (IllegalArgumentException e) {
      throw file.damaged(e.getMessage());
    }
  }

  private CausalConfig gpt2() throws IOException {
    refuse("scale_attn_by_inverse_layer_idx", false);
    refuse("scale_attn_weights", true);
    refuse("add_cross_attention", false);
    int layers = file.integer("n_layer");
    int width = file.integer("n_embd");
    int heads = file.integer("n_head");
    int headDim = divided(width, heads);
    return new CausalConfig(
        architecture,
        layers,
        width,
        file.integer("n_inner", Math.multiplyExact(4, width)),
        file.integer("vocab_size"),
        file.integer("n_positions"),
        file.real("layer_norm_epsilon", 1e-5),
        Activation.read(file, "activation_function", "gelu_new"),
        true,
        false,
        file.bool("tie_word_embeddings", true),
        0,
        attention(heads, heads, headDim, null, AttentionConfig.noWindows(layers)));
  }

  private CausalConfig neoX() throws IOException {
    int layers = file.integer("num_hidden_layers");
    int width = file.integer("hidden_size");
    int heads = file.integer("num_attention_heads");
    int headDim = divided(width, heads);
    JsonNode rope = file.json().path("rope_parameters");
    double share =
        rope.path("partial_rotary_factor").isNumber()
            ? rope.path("partial_rotary_factor").doubleValue()
            : file.real("rotary_pct", 0.25);
    return new CausalConfig(
        architecture,
        layers,
        width,
        file.integer("intermediate_size"),
        file.integer("vocab_size"),
        file.integer("max_position_embeddings"),
        file.real("layer_norm_eps", 1e-5),
        Activation.read(file, "hidden_act", "gelu"),
        true,
        file.bool("use_parallel_residual", true),
        file.bool("tie_word_embeddings", false),
        0,
        new AttentionConfig(
            heads,
            heads,
            headDim,
            rotary((int) (headDim * share), file.real("rotary_emb_base", 10000)),
            AttentionConfig.noWindows(layers),
            1 / Math.sqrt(headDim),
            0,
            file.bool("attention_bias", true)));
  }

  private CausalConfig llama() throws IOException {
    int layers = file.integer("num_hidden_layers");
    int width = file.integer("hidden_size");
    int heads = file.integer("num_attention_heads");
    int headDim = headDim(width, heads);
    return new CausalConfig(
        architecture,
        layers,
        width,
        file.integer("intermediate_size"),
        file.integer("vocab_size"),
        file.integer("max_position_embeddings"),
        file.real("rms_norm_eps", 1e-6),
        Activation.read(file, "hidden_act", "silu"),
        architecture == Architecture.LLAMA && file.bool("mlp_bias", false),
        false,
        file.bool("tie_word_embeddings", false),
        0,
        attention(
            heads,
            file.integer("num_key_value_heads", heads),
            headDim,
            rotary(headDim, file.real("rope_theta", 10000)),
            windows(layers)));
  }

  private CausalConfig gemma2() throws IOException {
    refuse("use_bidirectional_attention", false);
    int layers = file.integer("num_hidden_layers");
    int width = file.integer("hidden_size");
    int heads = file.integer("num_attention_heads");
    int headDim = file.integer("head_dim", 256);
    return new CausalConfig(
        architecture,
        layers,
        width,
        file.integer("intermediate_size"),
        file.integer("vocab_size"),
        file.integer("max_position_embeddings"),
        file.real("rms_norm_eps", 1e-6),
        Activation.read(
            file,
            file.isGiven("hidden_activation") ? "hidden_activation" : "hidden_act",
            "gelu_pytorch_tanh"),
        false,
        false,
        file.bool("tie_word_embeddings", true),
        cap("final_logit_softcapping", 30),
        new AttentionConfig(
            heads,
            file.integer("num_key_value_heads", 4),
            headDim,
            rotary(headDim, file.real("rope_theta", 10000)),
            windows(layers),
            1 / Math.sqrt(file.real("query_pre_attn_scalar", 256)),
            cap("attn_logit_softcapping", 50),
            file.bool("attention_bias", false)));
  }

  private AttentionConfig attention(
      int heads, int keyValueHeads, int headDim, Rotary rotary, List<Integer> windows)
      throws IOException {
    boolean bias =
        switch (architecture) {
          case GPT2, QWEN2 -> true;
          case MISTRAL -> false;
          default -> file.bool("attention_bias", false);
        };
    return new AttentionConfig(
        heads, keyValueHeads, headDim, rotary, windows, 1 / Math.sqrt(headDim), 0, bias);
  }

  private int headDim(int width, int heads) throws IOException {
    return file.isGiven("head_dim") ? file.integer("head_dim") : divided(width, heads);
  }

  private static int divided(int width, int heads) {
    if (heads < 1 || width % heads != 0) {
      throw new IllegalArgumentException(
          heads + " attention heads do not divide a width of " + width);
    }
    return width / heads;
  }

  /** How far each layer's queries see. */
  private List<Integer> windows(int layers) throws IOException {
    CausalConfig.requireLayers(layers);
    int window =
        switch (architecture) {
          case MISTRAL, GEMMA2 -> file.isNull("sliding_window") ? 0 : window(4096);
          case QWEN2, QWEN3 -> file.bool("use_sliding_window", false) ? window(4096) : 0;
          default -> 0;
        };
    if (window == 0) {
      return AttentionConfig.noWindows(layers);
    }
    JsonNode types = file.json().path("layer_types");
    if (types.isArray() && types.size() < layers) {
      throw file.damaged("layer_types has " + types.size() + " entries for " + layers + " layers");
    }
    int fullLayers =
        architecture == Architecture.MISTRAL ? 0 : file.integer("max_window_layers", 28);
    List<Integer> windows = new ArrayList<>(layers);
    for (int layer = 0; layer < layers; layer++) {
      boolean slides;
      if (types.isArray()) {
        slides =
            switch (types.path(layer).asText()) {
              case "sliding_attention" -> true;
              case "full_attention" -> false;
              case String other ->
                  throw file.unsupported("layer type", other, "sliding_attention, full_attention");
            };
      } else {
        slides = architecture == Architecture.GEMMA2 ? layer % 2 == 0 : layer >= fullLayers;
      }
      windows.add(slides ? window : 0);
    }
    return windows;
  }

  private int window(int otherwise) throws IOException {
    int window = file.integer("sliding_window", otherwise);
    CausalConfig.requirePositive("sliding_window", window);
    return window;
  }

  /** Rotary embedding as {@code rope_parameters} or, in older files, {@code rope_scaling} says. */
  private Rotary rotary(int dims, double base) throws IOException {
    JsonNode given = file.json().path("rope_parameters");
    JsonNode scaling = given.isObject() ? given : file.json().path("rope_scaling");
    if (scaling.path("rope_theta").isNumber()) {
      base = scaling.path("rope_theta").doubleValue();
    }
    Rotary plain = Rotary.of(base, dims);
    String type = scaling.path("rope_type").asText(scaling.path("type").asText("default"));
    return switch (type) {
      case "default" -> plain;
      case "linear" -> plain.linear(number(scaling, "factor"));
      case "llama3" ->
          plain.llama3(
              number(scaling, "factor"),
              number(scaling, "low_freq_factor"),
              number(scaling, "high_freq_factor"),
              (int) number(scaling, "original_max_position_embeddings"));
      default -> throw file.unsupported("rope scaling", type, "default, linear, llama3");
    };
  }

  private double number(JsonNode scaling, String name) throws IOException {
    if (!scaling.path(name).isNumber()) {
      throw file.damaged(name + " of the rope scaling is missing");
    }
    return scaling.path(name).doubleValue();
  }

  private double cap(String name, double otherwise) throws IOException {
    return file.isNull(name) ? 0 : file.real(name, otherwise);
  }

  private void refuse(String name, boolean only) throws IOException {
    if (file.bool(name, only) != only) {
      throw file.unsupported(name, Boolean.toString(!only), Boolean.toString(only));
    }
  }
}

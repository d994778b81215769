package io.sluice.model.causal;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.MlpActivation;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * Reads the configuration of a causal language model from HuggingFace's {@code config.json}. A
 * setting that is missing has the default of {@code transformers}; one that changes the computation
 * in a way that is not implemented is refused.
 */
public final class CausalConfigFile {
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
  public static CausalConfig read(ConfigFile file, Architecture architecture) throws IOException {
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
    int layers = alias("n_layer", "num_hidden_layers", 12);
    int width = alias("n_embd", "hidden_size", 768);
    int heads = alias("n_head", "num_attention_heads", 12);
    int headDim = divided(width, heads);
    if (width > Integer.MAX_VALUE / 4) {
      throw file.damaged("n_embd is " + width);
    }
    int inner = 4 * width;
    return new CausalConfig(
        architecture,
        layers,
        width,
        file.integer("n_inner", inner, inner),
        file.integer("vocab_size", 50257),
        alias("n_positions", "max_position_embeddings", 1024),
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
  private int alias(String name, String other, int otherwise) throws IOException {
    int value = file.integer(name, file.integer(other, otherwise));
    if (file.integer(other, value) != value) {
      throw file.damaged(name + " is " + value + ", and " + other + " is " + file.value(other));
    }
    return value;
  }

  private CausalConfig neoX() throws IOException {
    int layers = file.integer("num_hidden_layers", 44);
    int width = file.integer("hidden_size", 6144);
    int heads = file.integer("num_attention_heads", 64);
    int positions = file.integer("max_position_embeddings", 2048);
    int headDim = divided(width, heads);
    return new CausalConfig(
        architecture,
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
            RotarySettings.read(file, architecture, headDim, positions),
            AttentionConfig.noWindows(layers),
            1 / Math.sqrt(headDim),
            0,
            file.bool("attention_bias", true)));
  }

  /** What a file means that lacks a size: the defaults of the classes in {@code transformers}. */
  private record Sizes(
      int vocabulary, int intermediate, int keyValueHeads, int headDim, int positions) {
    /** No default of its own: it follows from other sizes. */
    static final int FOLLOWS = 0;
  }

  private CausalConfig llama() throws IOException {
    Sizes sizes =
        switch (architecture) {
          case MISTRAL -> new Sizes(32000, 14336, 8, Sizes.FOLLOWS, 131072);
          case QWEN2 -> new Sizes(151936, 22016, 32, Sizes.FOLLOWS, 32768);
          case QWEN3 -> new Sizes(151936, 22016, 32, 128, 32768);
          default -> new Sizes(32000, 11008, Sizes.FOLLOWS, Sizes.FOLLOWS, 2048);
        };
    int layers = file.integer("num_hidden_layers", 32);
    int width = file.integer("hidden_size", 4096);
    int heads = file.integer("num_attention_heads", 32);
    int positions = file.integer("max_position_embeddings", sizes.positions);
    boolean each = sizes.keyValueHeads == Sizes.FOLLOWS;
    int keyValueHeads =
        file.integer("num_key_value_heads", each ? heads : sizes.keyValueHeads, heads);
    int headDim = headDim(width, heads, sizes.headDim);
    return new CausalConfig(
        architecture,
        layers,
        width,
        file.integer("intermediate_size", sizes.intermediate),
        file.integer("vocab_size", sizes.vocabulary),
        positions,
        file.real("rms_norm_eps", 1e-6),
        MlpActivation.read(file, "hidden_act", "silu"),
        architecture == Architecture.LLAMA && file.bool("mlp_bias", false),
        false,
        file.bool("tie_word_embeddings", false),
        0,
        new AttentionConfig(
            heads,
            keyValueHeads,
            headDim,
            RotarySettings.read(file, architecture, headDim, positions),
            windows(layers),
            1 / Math.sqrt(headDim),
            0,
            switch (architecture) {
              case QWEN2 -> true;
              case MISTRAL -> false;
              default -> file.bool("attention_bias", false);
            }));
  }

  private CausalConfig gemma2() throws IOException {
    int layers = file.integer("num_hidden_layers", 26);
    int width = file.integer("hidden_size", 2304);
    int heads = file.integer("num_attention_heads", 8);
    int positions = file.integer("max_position_embeddings", 8192);
    int headDim = file.integer("head_dim", 256);
    return new CausalConfig(
        architecture,
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
        cap("final_logit_softcapping", 30),
        new AttentionConfig(
            heads,
            file.integer("num_key_value_heads", 4),
            headDim,
            RotarySettings.read(file, architecture, headDim, positions),
            windows(layers),
            1 / Math.sqrt(file.real("query_pre_attn_scalar", 256)),
            cap("attn_logit_softcapping", 50),
            file.bool("attention_bias", false)));
  }

  private int headDim(int width, int heads, int otherwise) throws IOException {
    boolean follows = file.isNull("head_dim") || otherwise == Sizes.FOLLOWS;
    return file.isGiven("head_dim") || !follows
        ? file.integer("head_dim", otherwise)
        : divided(width, heads);
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
          case MISTRAL, GEMMA2 -> window();
          case QWEN2, QWEN3 -> file.bool("use_sliding_window", false) ? window() : unused();
          default -> 0;
        };
    return switch (architecture) {
      case MISTRAL -> Collections.nCopies(layers, window);
      case GEMMA2 -> windows(layers, window, layer -> layer % 2 == 0);
      case QWEN2, QWEN3 -> {
        int full = file.integer("max_window_layers", 28);
        yield windows(layers, window, layer -> window > 0 && layer >= full);
      }
      default -> AttentionConfig.noWindows(layers);
    };
  }

  /**
   * Windows as {@code layer_types} says.
   *
   * @param window 0 for none
   * @param otherwise which layers slide where the file does not say
   */
  private List<Integer> windows(int layers, int window, IntPredicate otherwise) throws IOException {
    JsonNode types = file.value("layer_types");
    boolean given = !types.isMissingNode() && !types.isNull();
    if (given && types.size() != layers) {
      throw file.damaged("layer_types has " + types.size() + " entries for " + layers + " layers");
    }
    List<Integer> windows = new ArrayList<>(layers);
    for (int layer = 0; layer < layers; layer++) {
      boolean slides =
          given
              ? switch (types.path(layer).asText()) {
                case "sliding_attention" -> true;
                case "full_attention" -> false;
                case String other ->
                    throw file.unsupported(
                        "layer type", other, "sliding_attention, full_attention");
              }
              : otherwise.test(layer);
      if (slides && window == 0) {
        throw file.damaged("layer " + layer + " has a sliding window, and sliding_window is none");
      }
      windows.add(slides ? window : 0);
    }
    return windows;
  }

  /** The window of those layers that have one; 0 for null. */
  private int window() throws IOException {
    if (file.isNull("sliding_window") && architecture != Architecture.GEMMA2) {
      return 0;
    }
    int window = file.integer("sliding_window", 4096);
    CausalConfig.requirePositive("sliding_window", window);
    return window;
  }

  /** A window that {@code use_sliding_window} switches off: whatever it is. */
  private int unused() {
    file.value("sliding_window");
    return 0;
  }

  private double cap(String name, double otherwise) throws IOException {
    if (file.isNull(name)) {
      return 0;
    }
    double cap = file.real(name, otherwise);
    if (cap == 0) {
      throw file.damaged(name + " is 0, with which nothing can be divided");
    }
    return cap;
  }
}

package io.sluice.model.bert;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.parts.MlpActivation;
import io.sluice.model.rotary.RotarySettings;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A checkpoint of ModernBERT.
 *
 * @param config what {@code config.json} says
 */
public record ModernBertCheckpoint(ModernBertConfig config) {
  /** The name that {@code model_type} in {@code config.json} gives. */
  public static final String LABEL = "modernbert";

  /** Hook points have room for four digits. */
  private static final int MOST_LAYERS = 9999;

  /** The base of frequencies of layers that see all, where a file does not say. */
  private static final double FULL_BASE = 160000;

  /** The keys, which precede those of {@link io.sluice.model.parts.CommonKeys}. */
  public static KeyTable keys() {
    return new KeyTable(LABEL)
        .honoured("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        .honoured("max_position_embeddings", "hidden_activation", "norm_eps", "norm_bias")
        .honoured("attention_bias", "mlp_bias", "local_attention", "layer_types")
        .honoured("global_attn_every_n_layers", "rope_parameters", "rope_scaling")
        .honoured("global_rope_theta", "local_rope_theta")
        .unlessFalse("is_decoder", "is_causal")
        .noEffect("tie_word_embeddings", "eos_token_id", "initializer_cutoff_factor")
        .noEffect("embedding_dropout", "mlp_dropout", "decoder_bias", "classifier_pooling")
        .noEffect("classifier_bias", "classifier_activation", "deterministic_flash_attn")
        .noEffect("sparse_prediction", "sparse_pred_ignore_index", "reference_compile")
        .noEffect("repad_logits_with_grad")
        // Published files have these of BERT, and no layer reads them.
        .noEffect("layer_norm_eps", "position_embedding_type");
  }

  /**
   * Reads the configuration.
   *
   * @throws IOException if a setting is missing or out of range
   */
  public static ModernBertCheckpoint of(ConfigFile file) throws IOException {
    try {
      return new ModernBertCheckpoint(config(file));
    } catch (IllegalArgumentException e) {
      throw file.damaged(e.getMessage());
    }
  }

  private static ModernBertConfig config(ConfigFile file) throws IOException {
    int layers = positive(file, "num_hidden_layers", 22);
    if (layers > MOST_LAYERS) {
      throw file.damaged(
          "num_hidden_layers is " + layers + "; at most " + MOST_LAYERS + " can be named");
    }
    int width = positive(file, "hidden_size", 768);
    int heads = positive(file, "num_attention_heads", 12);
    int positions = positive(file, "max_position_embeddings", 8192);
    if (width % heads != 0) {
      throw file.damaged(heads + " attention heads do not divide a width of " + width);
    }
    double epsilon = file.real("norm_eps", 1e-5);
    if (!(epsilon >= 0 && epsilon < 1)) {
      throw file.damaged("norm_eps is " + epsilon);
    }
    RotarySettings.ByLayerType rotary =
        RotarySettings.readByLayerType(
            file,
            width / heads,
            positions,
            new RotarySettings.OlderKeys("global_rope_theta", FULL_BASE, "local_rope_theta", true));
    return new ModernBertConfig(
        layers,
        width,
        heads,
        positive(file, "intermediate_size", 1152),
        positive(file, "vocab_size", 50368),
        positions,
        epsilon,
        file.bool("norm_bias", false),
        file.bool("attention_bias", false),
        file.bool("mlp_bias", false),
        MlpActivation.read(file, "hidden_activation", "gelu"),
        windows(file, layers),
        rotary.full(),
        rotary.sliding());
  }

  private static int positive(ConfigFile file, String name, int otherwise) throws IOException {
    int value = file.integer(name, otherwise);
    if (value < 1) {
      throw file.damaged(name + " is " + value);
    }
    return value;
  }

  /** {@code local_attention} counts half of itself in each direction, and the query beside. */
  private static List<Integer> windows(ConfigFile file, int layers) throws IOException {
    int window = positive(file, "local_attention", 128) / 2 + 1;
    int every = positive(file, "global_attn_every_n_layers", 3);
    JsonNode types = file.value("layer_types");
    boolean given = !types.isMissingNode() && !types.isNull();
    if (given && types.size() != layers) {
      throw file.damaged("layer_types has " + types.size() + " entries for " + layers + " layers");
    }
    List<Integer> windows = new ArrayList<>(layers);
    for (int layer = 0; layer < layers; layer++) {
      boolean local = given ? isLocal(file, types.path(layer).asText()) : layer % every != 0;
      windows.add(local ? window : 0);
    }
    return windows;
  }

  private static boolean isLocal(ConfigFile file, String type) throws IOException {
    return switch (type) {
      case "sliding_attention" -> true;
      case "full_attention" -> false;
      default -> throw file.unsupported("layer type", type, "sliding_attention, full_attention");
    };
  }
}

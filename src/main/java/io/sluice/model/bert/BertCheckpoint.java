package io.sluice.model.bert;

import io.sluice.model.parts.CommonKeys;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.parts.MlpActivation;
import io.sluice.model.parts.WeightLoader;
import io.sluice.torch.Tensor;
import io.sluice.weights.TensorSource;
import java.io.IOException;

/**
 * A BERT checkpoint of HuggingFace: {@code config.json} and safetensors.
 *
 * @param config what {@code config.json} says
 * @param prefix what stands before the encoder's names in the file: empty, or {@code bert.} if the
 *     checkpoint is that of a larger model around it
 */
public record BertCheckpoint(BertConfig config, String prefix) implements BertWeights {
  /** The name that {@code model_type} in {@code config.json} gives. */
  public static final String LABEL = "bert";

  private static final String PROBE = "embeddings.word_embeddings.weight";

  /**
   * Reads the configuration and finds the encoder in the weights.
   *
   * @throws IOException if a setting is missing or out of range, or the weights are not BERT's
   */
  public static BertCheckpoint of(ConfigFile file, TensorSource weights) throws IOException {
    String prefix = null;
    for (String candidate : new String[] {"", "bert.", "model."}) {
      if (weights.has(candidate + PROBE)) {
        prefix = candidate;
        break;
      }
    }
    if (prefix == null) {
      throw new IOException(
          weights.path() + ": has no tensor '" + PROBE + "'; these are not weights of a BERT");
    }
    return new BertCheckpoint(config(file), prefix);
  }

  /** The keys of {@code config.json}; those of {@link CommonKeys} come to them. */
  public static KeyTable keys() {
    return new KeyTable(LABEL)
        .honoured("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        .honoured("max_position_embeddings", "type_vocab_size", "hidden_act", "layer_norm_eps")
        .unlessFalse("is_decoder", "is_causal")
        .unless(
            "`absolute`",
            (value, all) -> value.asText().equals("absolute"),
            "position_embedding_type")
        .unless(
            "what `hidden_size` says",
            (value, all) -> value.asInt(-1) == all.get("hidden_size").asInt(768),
            "embedding_size")
        .unless("`bidi`", (value, all) -> value.asText().equals("bidi"), "directionality")
        .noEffect(
            "tie_word_embeddings", "eos_token_id", "pooler_fc_size", "pooler_num_attention_heads")
        .noEffect("pooler_num_fc_layers", "pooler_size_per_head", "pooler_type")
        .noEffect("summary_type", "summary_use_proj", "summary_activation")
        .noEffect("summary_last_dropout", "summary_proj_to_labels", "summary_first_dropout");
  }

  private static BertConfig config(ConfigFile config) throws IOException {
    try {
      return new BertConfig(
          config.integer("num_hidden_layers", 12),
          config.integer("hidden_size", 768),
          config.integer("num_attention_heads", 12),
          config.integer("intermediate_size", 3072),
          config.integer("vocab_size", 30522),
          config.integer("max_position_embeddings", 512),
          config.integer("type_vocab_size", 2),
          config.real("layer_norm_eps", 1e-12),
          MlpActivation.read(config, "hidden_act", "gelu"));
    } catch (IllegalArgumentException e) {
      throw config.damaged(e.getMessage());
    }
  }

  @Override
  public Tensor parameter(WeightLoader loader, String name, long... shape) throws IOException {
    String full = prefix + name;
    if (!loader.contains(full)) {
      // Checkpoints converted from TensorFlow keep its names of the normalisation's parameters.
      String old =
          full.replace("LayerNorm.weight", "LayerNorm.gamma")
              .replace("LayerNorm.bias", "LayerNorm.beta");
      full = loader.contains(old) ? old : full;
    }
    return loader.load(full, shape);
  }

  @Override
  public Tensor projection(WeightLoader loader, String module, long out, long in)
      throws IOException {
    return loader.load(prefix + module + ".weight", out, in);
  }
}

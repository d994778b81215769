package io.sluice.model.bert;

import io.sluice.model.parts.CommonKeys;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.parts.MlpActivation;
import java.io.IOException;
import java.util.List;

/**
 * The encoders that compute what BERT computes, with tensors of the same names: what {@code
 * config.json} calls them, and how they count positions.
 */
public enum BertFamily {
  /** Positions from 0; in published checkpoints two token types, of which the first is used. */
  BERT("BERT", "bert", "bert.", 30522),

  /** Positions from the padding token's id plus 1. */
  ROBERTA("RoBERTa", "roberta", "roberta.", 50265),

  /** RoBERTa in many languages. */
  XLM_ROBERTA("XLM-RoBERTa", "xlm-roberta", "roberta.", 30522);

  private final String title;
  private final String label;
  private final String prefix;
  private final int vocabulary;

  BertFamily(String title, String label, String prefix, int vocabulary) {
    this.title = title;
    this.label = label;
    this.prefix = prefix;
    this.vocabulary = vocabulary;
  }

  /** The name that {@code model_type} in {@code config.json} gives. */
  public String label() {
    return label;
  }

  /** What it calls itself, for messages. */
  String title() {
    return title;
  }

  /** The constant with this label; null if there is none. */
  public static BertFamily ofLabel(String label) {
    for (BertFamily family : values()) {
      if (family.label.equals(label)) {
        return family;
      }
    }
    return null;
  }

  /** What may stand before the encoder's names in a file. */
  List<String> prefixes() {
    return List.of("", prefix, "model.");
  }

  /** The keys of {@code config.json}; they precede those of {@link CommonKeys}. */
  public KeyTable keys() {
    KeyTable keys =
        new KeyTable(label)
            .honoured("hidden_size", "intermediate_size", "num_hidden_layers")
            .honoured("num_attention_heads", "max_position_embeddings", "type_vocab_size")
            .honoured("hidden_act", "layer_norm_eps")
            .unlessFalse("is_decoder", "is_causal")
            .unless(
                "`absolute`",
                (value, all) -> value.asText().equals("absolute"),
                "position_embedding_type")
            .noEffect("tie_word_embeddings", "eos_token_id");
    return this == BERT ? bertKeys(keys) : keys.honoured("pad_token_id");
  }

  private static KeyTable bertKeys(KeyTable keys) {
    return keys.unless(
            "what `hidden_size` says",
            (value, all) -> value.asInt(-1) == all.get("hidden_size").asInt(768),
            "embedding_size")
        .unless("`bidi`", (value, all) -> value.asText().equals("bidi"), "directionality")
        .noEffect("pooler_fc_size", "pooler_num_attention_heads")
        .noEffect("pooler_num_fc_layers", "pooler_size_per_head", "pooler_type")
        .noEffect("summary_type", "summary_use_proj", "summary_activation")
        .noEffect("summary_last_dropout", "summary_proj_to_labels", "summary_first_dropout");
  }

  /**
   * Reads the configuration.
   *
   * @throws IOException if a setting is missing or out of range
   */
  BertConfig config(ConfigFile file) throws IOException {
    try {
      return new BertConfig(
          label,
          file.integer("num_hidden_layers", 12),
          file.integer("hidden_size", 768),
          file.integer("num_attention_heads", 12),
          file.integer("intermediate_size", 3072),
          file.integer("vocab_size", vocabulary),
          file.integer("max_position_embeddings", 512),
          file.integer("type_vocab_size", 2),
          file.real("layer_norm_eps", 1e-12),
          MlpActivation.read(file, "hidden_act", "gelu"),
          this == BERT ? BertConfig.FROM_ZERO : padding(file));
    } catch (IllegalArgumentException e) {
      throw file.damaged(e.getMessage());
    }
  }

  private static int padding(ConfigFile file) throws IOException {
    int padding = file.integer("pad_token_id", 1);
    if (padding < 0) {
      throw file.damaged("pad_token_id is " + padding);
    }
    return padding;
  }
}

package io.sluice.model.parts;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * The keys of {@code config.json} that mean the same in every architecture: those of the base class
 * in {@code transformers}, and those that libraries and training programs leave in published files.
 */
public final class CommonKeys {
  private static final KeyTable TABLE = newTable();

  private CommonKeys() {}

  /** The table of these keys. */
  public static KeyTable table() {
    return TABLE;
  }

  /**
   * Checks all keys of a file.
   *
   * @param own the keys of its architecture, which precede these
   * @throws IOException if one is unknown, or says what is not computed
   */
  public static void check(ConfigFile file, KeyTable own) throws IOException {
    refuseQuantised(file);
    KeyTable.Values values = file.json()::path;
    for (Map.Entry<String, JsonNode> field : file.json().properties()) {
      String key = field.getKey();
      KeyTable table = TABLE.knows(key) && !own.knows(key) ? TABLE : own;
      table.check(file.file(), "", List.of(key), values);
    }
  }

  /** Of a quantised model, the method is the first thing that a message should name. */
  private static void refuseQuantised(ConfigFile file) throws IOException {
    JsonNode settings = file.json().path("quantization_config");
    if (!settings.isObject() || settings.isEmpty()) {
      return;
    }
    String method = settings.path("quant_method").asText("");
    if (method.isEmpty()) {
      boolean bits = settings.has("load_in_4bit") || settings.has("load_in_8bit");
      method = bits ? "bitsandbytes" : "a method without a name";
    }
    throw file.unsupported(
        "quantization_config with the method",
        method,
        "only weights that are not quantised, and GGUF files");
  }

  private static KeyTable newTable() {
    return new KeyTable("any model")
        .honoured("model_type", "vocab_size")
        .unlessFalse(
            "is_encoder_decoder",
            "add_cross_attention",
            "tie_encoder_decoder",
            "use_bidirectional_attention",
            "use_mrope",
            "rope_interleaved")
        .unlessNone(
            "quantization_config",
            "quantization",
            "compression_config",
            "pruned_heads",
            "per_layer_config",
            "fusion_config",
            "transformers_weights",
            "dual_chunk_attention_config",
            "text_config",
            "vision_config")
        .noEffect(
            // Where the file comes from, and what it was trained in and for.
            "transformers_version",
            "architectures",
            "_name_or_path",
            "name_or_path",
            "_commit_hash",
            "torch_dtype",
            "dtype",
            "initializer_range",
            "gradient_checkpointing",
            "torchscript",
            "use_bfloat16",
            "tf_legacy_loss",
            "auto_map",
            "custom_pipelines",
            "custom_generate",
            "transformers.js_config",
            "unsloth_version",
            "unsloth_fixed",
            "unsloth_training_mode",
            "is_llama_config",
            "language",
            "license",
            "tokenizer_class",
            "model_max_length",
            "max_sequence_length",
            "prefix",
            "sentence_transformers",
            "sbert_ce_default_activation_function",
            "neuron",
            // How it is run, which does not affect the results.
            "attn_implementation",
            "_attn_implementation",
            "_attn_implementation_autoset",
            "_attn_implementation_internal",
            "_experts_implementation",
            "_experts_implementation_internal",
            "experts_implementation",
            "_flash_attn_2_enabled",
            "use_flash_attention",
            "use_flash_attn",
            "chunk_size_feed_forward",
            "pretraining_tp",
            "use_cache",
            "cache_implementation",
            "output_past",
            "is_training",
            // What it gives back beside its hidden states.
            "output_hidden_states",
            "output_attentions",
            "return_dict",
            "use_return_dict",
            "tie_last_hidden_states",
            "keys_to_ignore_at_inference",
            // Heads for other tasks.
            "id2label",
            "label2id",
            "num_labels",
            "_num_labels",
            "problem_type",
            "finetuning_task",
            "task_specific_params",
            "classifier_dropout",
            "cross_attention_hidden_size",
            // Dropout, which is off.
            "attention_dropout",
            "hidden_dropout",
            "hidden_dropout_prob",
            "attention_probs_dropout_prob",
            "resid_pdrop",
            "embd_pdrop",
            "attn_pdrop",
            // Tokens: those that a text gets are the tokenizer's.
            "bos_token_id",
            "pad_token_id",
            "sep_token_id",
            "cls_token_id",
            "mask_token_id",
            "bos_token",
            "eos_token",
            "pad_token",
            "unk_token",
            "padding_side",
            "tokenizer_model_max_length",
            "tokenizer_padding_side",
            "unk_token_id",
            "decoder_start_token_id",
            // How texts are generated.
            "assistant_confidence_threshold",
            "assistant_lookbehind",
            "bad_words_ids",
            "begin_suppress_tokens",
            "diversity_penalty",
            "do_sample",
            "early_stopping",
            "encoder_no_repeat_ngram_size",
            "encoder_repetition_penalty",
            "epsilon_cutoff",
            "eta_cutoff",
            "exponential_decay_length_penalty",
            "forced_bos_token_id",
            "forced_eos_token_id",
            "length_penalty",
            "max_length",
            "max_new_tokens",
            "min_length",
            "no_repeat_ngram_size",
            "num_assistant_tokens",
            "num_assistant_tokens_schedule",
            "num_beam_groups",
            "num_beams",
            "num_return_sequences",
            "output_scores",
            "remove_invalid_values",
            "repetition_penalty",
            "return_dict_in_generate",
            "suppress_tokens",
            "target_lookbehind",
            "temperature",
            "top_k",
            "top_p",
            "typical_p");
  }
}

package io.sluice.model.parts;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.model.causal.Architecture;
import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The keys of {@code config.json}, architecture by architecture, as the configuration classes of
 * {@code transformers} 5 read them, and those that published files carry beside them.
 */
public final class ConfigKeys {
  /** The name that the table of BERT encoders goes by. */
  public static final String BERT = "bert";

  private static final Map<String, KeyTable> TABLES = new LinkedHashMap<>();
  private static final KeyTable ANY = CommonKeys.table();

  static {
    for (Architecture architecture : Architecture.values()) {
      TABLES.put(architecture.label(), table(architecture));
    }
    TABLES.put(BERT, bert());
  }

  private ConfigKeys() {}

  /**
   * Checks all keys of a file.
   *
   * @param architecture the label of an architecture, or {@link #BERT}
   * @throws IOException if one is unknown, or says what is not computed
   */
  public static void check(ConfigFile file, String architecture) throws IOException {
    refuseQuantised(file);
    KeyTable own = of(architecture);
    KeyTable.Values values = file.json()::path;
    for (Map.Entry<String, JsonNode> field : file.json().properties()) {
      KeyTable table = ANY.knows(field.getKey()) ? ANY : own;
      table.check(file.file(), "", List.of(field.getKey()), values);
    }
  }

  /** The keys of one architecture; {@link #common} ones come to them. */
  public static KeyTable of(String architecture) {
    return TABLES.get(architecture);
  }

  /** The keys that mean the same in every architecture. */
  public static KeyTable common() {
    return ANY;
  }

  /** All tables as a section of the documentation. */
  public static String markdown() {
    StringBuilder text = new StringBuilder();
    section(text, "All of them", ANY);
    TABLES.forEach((name, table) -> section(text, "`" + name + "`", table));
    section(text, "Inside `rope_parameters` or `rope_scaling`", rope(Architecture.LLAMA));
    section(
        text, "The same of `" + Architecture.GPT_NEOX.label() + "`", rope(Architecture.GPT_NEOX));
    return text.toString();
  }

  private static void section(StringBuilder text, String heading, KeyTable table) {
    text.append("\n").append(heading).append(":\n\n| | `config.json` |\n|---|---|\n");
    text.append(table.markdown());
  }

  /** All tables by the names of their architectures. */
  public static Map<String, KeyTable> tables() {
    return Collections.unmodifiableMap(TABLES);
  }

  /** What a quantised model is quantised with is the first thing to say of it. */
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

  private static KeyTable table(Architecture architecture) {
    KeyTable table = new KeyTable(architecture.label());
    table
        .honoured("tie_word_embeddings", "eos_token_id")
        .unlessTrue("is_causal")
        .noEffect("is_decoder");
    return switch (architecture) {
      case GPT2 -> gpt2(table);
      case GPT_NEOX -> neoX(table);
      case LLAMA -> llama(table);
      case MISTRAL -> mistral(table);
      case QWEN2 -> qwen(table).unlessTrue("attention_bias");
      case QWEN3 -> qwen(table).honoured("attention_bias");
      case GEMMA2 -> gemma2(table);
    };
  }

  private static KeyTable gpt2(KeyTable table) {
    return table
        .honoured("n_embd", "n_layer", "n_head", "n_positions", "n_inner")
        .honoured("hidden_size", "num_hidden_layers", "num_attention_heads")
        .honoured("max_position_embeddings", "activation_function", "layer_norm_epsilon")
        .unlessTrue("scale_attn_weights")
        .unlessFalse("scale_attn_by_inverse_layer_idx")
        .noEffect("reorder_and_upcast_attn", "n_ctx", "n_special", "predict_special_tokens")
        .noEffect("summary_type", "summary_use_proj", "summary_activation")
        .noEffect("summary_proj_to_labels", "summary_first_dropout", "summary_last_dropout");
  }

  private static KeyTable sizes(KeyTable table) {
    return table
        .honoured("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        .honoured("max_position_embeddings");
  }

  private static KeyTable neoX(KeyTable table) {
    return sizes(table)
        .honoured("hidden_act", "layer_norm_eps", "use_parallel_residual", "attention_bias")
        .honoured("rope_parameters", "rope_scaling", "rotary_emb_base", "rotary_pct")
        .honoured("original_max_position_embeddings")
        .unless(
            "what `rotary_emb_base` or `rope_parameters` says",
            (value, all) ->
                value.isNumber()
                    && value.doubleValue() == rope(all, "rope_theta", "rotary_emb_base", 10000),
            "rope_theta")
        .unless(
            "what `rotary_pct` or `rope_parameters` says",
            (value, all) ->
                value.isNumber()
                    && value.doubleValue()
                        == rope(all, "partial_rotary_factor", "rotary_pct", 0.25),
            "partial_rotary_factor");
  }

  /** What GPT-NeoX takes from the newer key, or else from its own. */
  private static double rope(KeyTable.Values all, String key, String own, double otherwise)
      throws IOException {
    JsonNode scaling = all.get("rope_scaling");
    JsonNode rope = scaling.isObject() && !scaling.isEmpty() ? scaling : all.get("rope_parameters");
    return rope.path(key).asDouble(all.get(own).asDouble(otherwise));
  }

  private static KeyTable rms(KeyTable table) {
    return sizes(table)
        .honoured("num_key_value_heads", "head_dim", "rms_norm_eps")
        .honoured("rope_parameters", "rope_scaling", "rope_theta")
        .honoured("original_max_position_embeddings")
        .unlessNumber(1, true, "partial_rotary_factor");
  }

  private static KeyTable llama(KeyTable table) {
    return rms(table)
        .honoured("hidden_act", "attention_bias", "mlp_bias")
        .unlessFalse("use_sliding_window", "use_qk_norm", "bias")
        .unless(
            "`null`, or no less than `max_position_embeddings`",
            (value, all) ->
                value.isNull()
                    || value.isNumber()
                        && value.doubleValue() >= all.get("max_position_embeddings").asDouble(2048),
            "sliding_window")
        .unless("`full_attention` throughout", ConfigKeys::isFull, "layer_types")
        .noEffect("max_window_layers");
  }

  private static KeyTable mistral(KeyTable table) {
    return rms(table)
        .honoured("hidden_act", "sliding_window")
        .unlessFalse("attention_bias", "mlp_bias")
        .unless(
            "`sliding_attention` throughout where there is a `sliding_window`, else `full_attention`",
            (value, all) ->
                all.get("sliding_window").isNull()
                    ? isFull(value, all)
                    : value.isNull() || allAre(value, "sliding_attention"),
            "layer_types");
  }

  private static KeyTable qwen(KeyTable table) {
    return rms(table)
        .honoured("hidden_act", "use_sliding_window", "sliding_window", "max_window_layers")
        .honoured("layer_types")
        .unlessFalse("mlp_bias");
  }

  private static KeyTable gemma2(KeyTable table) {
    return rms(table)
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

  private static KeyTable bert() {
    return sizes(new KeyTable(BERT))
        .honoured("type_vocab_size", "hidden_act", "layer_norm_eps")
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

  /** The keys inside {@code rope_parameters} and {@code rope_scaling}. */
  public static KeyTable rope(Architecture architecture) {
    KeyTable table = new KeyTable("rotary positions");
    if (architecture == Architecture.GPT_NEOX) {
      table.honoured("partial_rotary_factor");
    } else {
      table.unlessNumber(1, true, "partial_rotary_factor");
    }
    return table
        .honoured("rope_type", "type", "rope_theta", "factor", "low_freq_factor")
        .honoured("high_freq_factor", "original_max_position_embeddings")
        .unlessNone("mrope_section")
        // Of yarn and longrope, which are refused; linear, dynamic and llama3 do not read them.
        .noEffect("attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim")
        .noEffect("truncate", "short_factor", "long_factor", "finetuned");
  }

  private static boolean isFull(JsonNode value, KeyTable.Values all) {
    return value.isNull() || allAre(value, "full_attention");
  }

  private static boolean allAre(JsonNode list, String text) {
    for (JsonNode each : list) {
      if (!each.asText().equals(text)) {
        return false;
      }
    }
    return list.isArray();
  }
}

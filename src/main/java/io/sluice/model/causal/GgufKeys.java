package io.sluice.model.causal;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.sluice.model.parts.KeyTable;
import io.sluice.weights.GgufFile;
import io.sluice.weights.GgufMetadata;
import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The metadata of GGUF files, architecture by architecture, as llama.cpp reads it, and what other
 * programs write beside it. Keys of an architecture stand here without its name before them.
 */
final class GgufKeys {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Map<String, KeyTable> TABLES = new LinkedHashMap<>();
  private static final KeyTable ANY =
      new KeyTable("GGUF files")
          .honoured("general.architecture", "general.alignment", "tokenizer.*")
          .unless("`model`", (value, all) -> value.asText().equals("model"), "general.type")
          .unless("`1`", (value, all) -> value.asLong(-1) <= 1, "split.count")
          .noEffect("general.*", "split.no", "split.tensors.count")
          // What quantised the file, and with which texts.
          .noEffect("quantize.*", "imatrix.*", "mradermacher.*");

  static {
    for (String name : new String[] {"llama", "qwen2", "qwen3"}) {
      TABLES.put(name, noWindow(rms(new KeyTable(name))));
    }
    TABLES.put("gemma2", gemma2());
    TABLES.put("gpt2", layerNorm(new KeyTable("gpt2")));
    TABLES.put(
        "gptneox", rotary(layerNorm(new KeyTable("gptneox")).honoured("use_parallel_residual")));
  }

  private GgufKeys() {}

  /** Checks all keys of a file. */
  static void check(GgufFile file, String architecture) throws IOException {
    GgufMetadata metadata = file.metadata();
    String prefix = architecture + ".";
    for (String key : metadata.keys()) {
      if (key.startsWith(prefix)) {
        TABLES
            .get(architecture)
            .check(
                file.path(),
                prefix,
                List.of(key.substring(prefix.length())),
                own -> value(metadata, prefix + own));
      } else {
        ANY.check(file.path(), "", List.of(key), own -> value(metadata, own));
      }
    }
  }

  private static JsonNode value(GgufMetadata metadata, String key) throws IOException {
    return metadata.contains(key)
        ? JSON.valueToTree(metadata.value(key))
        : MissingNode.getInstance();
  }

  /** The keys of one architecture, without its name. */
  static KeyTable of(String architecture) {
    return TABLES.get(architecture);
  }

  /** All tables by the names of their architectures. */
  static Map<String, KeyTable> tables() {
    return Collections.unmodifiableMap(TABLES);
  }

  /** All tables as a section of the documentation. */
  static String markdown() {
    StringBuilder text = new StringBuilder();
    section(text, "Any file", ANY);
    TABLES.forEach((name, table) -> section(text, "`" + name + ".`…", table));
    return text.toString();
  }

  private static void section(StringBuilder text, String heading, KeyTable table) {
    text.append("\n").append(heading).append(":\n\n| | GGUF |\n|---|---|\n");
    text.append(table.markdown());
  }

  private static KeyTable common(KeyTable table) {
    return table
        .honoured("block_count", "embedding_length", "feed_forward_length", "context_length")
        .honoured("attention.head_count", "attention.head_count_kv", "attention.key_length")
        .honoured("attention.value_length", "vocab_size")
        .unlessTrue("attention.causal")
        .unless(
            "what `embedding_length` says",
            (value, all) -> value.asLong(-1) == all.get("embedding_length").asLong(-2),
            "embedding_length_out")
        .unlessNumber(
            0,
            false,
            "expert_count",
            "expert_used_count",
            "expert_group_count",
            "expert_group_used_count",
            "expert_shared_count",
            "leading_dense_block_count",
            "nextn_predict_layers",
            "attention.clamp_kqv",
            "attention.max_alibi_bias",
            "attention.shared_kv_layers",
            "logit_scale",
            "residual_scale",
            "embedding_scale")
        .unless(
            "`0` or 1 by the root of `attention.key_length`",
            GgufKeys::isUsualScale,
            "attention.scale")
        // What a sentence becomes, and a head for other tasks.
        .noEffect("pooling_type", "classifier.output_labels");
  }

  private static boolean isUsualScale(JsonNode value, KeyTable.Values all) throws IOException {
    double headDim =
        all.get("attention.key_length")
            .asDouble(
                all.get("embedding_length").asDouble()
                    / all.get("attention.head_count").asDouble());
    double scale = value.asDouble(-1);
    return scale == 0 || Math.abs(scale * Math.sqrt(headDim) - 1) < 1e-6;
  }

  private static KeyTable layerNorm(KeyTable table) {
    return common(table)
        .honoured("attention.layer_norm_epsilon")
        .noEffect("attention.layer_norm_rms_epsilon");
  }

  private static KeyTable rms(KeyTable table) {
    return rotary(
        common(table)
            .honoured("attention.layer_norm_rms_epsilon")
            .noEffect("attention.layer_norm_epsilon"));
  }

  private static KeyTable rotary(KeyTable table) {
    return table
        .honoured("rope.freq_base", "rope.dimension_count", "rope.scaling.type")
        .honoured("rope.scaling.factor", "rope.scale_linear")
        .unlessNumber(1, false, "rope.scaling.attn_factor")
        .unlessNumber(0, false, "rope.scaling.alpha")
        // Of yarn and longrope, which are refused.
        .noEffect("rope.scaling.finetuned", "rope.scaling.original_context_length")
        .noEffect("rope.scaling.yarn_log_multiplier", "rope.scaling.yarn_ext_factor")
        .noEffect("rope.scaling.yarn_attn_factor", "rope.scaling.yarn_beta_fast")
        .noEffect("rope.scaling.yarn_beta_slow");
  }

  private static KeyTable noWindow(KeyTable table) {
    return table
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

  private static KeyTable gemma2() {
    return rms(new KeyTable("gemma2"))
        .honoured("attention.sliding_window", "attn_logit_softcapping", "final_logit_softcapping")
        .unlessNumber(2, false, "attention.sliding_window_pattern")
        .unless(
            "what `rope.freq_base` says",
            (value, all) -> value.asDouble() == all.get("rope.freq_base").asDouble(10000),
            "rope.freq_base_swa");
  }
}

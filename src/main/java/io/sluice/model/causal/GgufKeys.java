package io.sluice.model.causal;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.sluice.model.parts.KeyTable;
import io.sluice.weights.GgufFile;
import io.sluice.weights.GgufMetadata;
import java.io.IOException;
import java.util.List;

/**
 * The keys in the metadata of GGUF files that architectures share, as llama.cpp reads them, and
 * what other programs write beside them. Keys of an architecture stand here without its name before
 * them.
 */
public final class GgufKeys {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final KeyTable ANY =
      new KeyTable("GGUF files")
          .honoured("general.architecture", "general.alignment", "tokenizer.*")
          .unless("`model`", (value, all) -> value.asText().equals("model"), "general.type")
          .unless("`1`", (value, all) -> value.asLong(-1) <= 1, "split.count")
          .noEffect("general.*", "split.no", "split.tensors.count")
          // The program that quantised the file, and its texts.
          .noEffect("quantize.*", "imatrix.*", "mradermacher.*");

  private GgufKeys() {}

  /** Checks all keys of a file. */
  static void check(GgufFile file, GgufForm form) throws IOException {
    GgufMetadata metadata = file.metadata();
    KeyTable table = form.keys();
    String prefix = form.label() + ".";
    for (String key : metadata.keys()) {
      if (key.startsWith(prefix)) {
        table.check(
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

  /** The keys that mean the same in any file. */
  public static KeyTable common() {
    return ANY;
  }

  private static KeyTable sizes(KeyTable table) {
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

  /** A table with the keys of models with layer norms. */
  public static KeyTable withLayerNorm(String label) {
    return sizes(new KeyTable(label))
        .honoured("attention.layer_norm_epsilon")
        .noEffect("attention.layer_norm_rms_epsilon");
  }

  /** A table with the keys of models with RMS norms and rotary positions. */
  public static KeyTable withRmsNorm(String label) {
    return withRotary(
        sizes(new KeyTable(label))
            .honoured("attention.layer_norm_rms_epsilon")
            .noEffect("attention.layer_norm_epsilon"));
  }

  /** Adds the keys of rotary positions. */
  public static KeyTable withRotary(KeyTable table) {
    return table
        .honoured("rope.freq_base", "rope.dimension_count", "rope.scaling.type")
        .honoured("rope.scaling.factor", "rope.scale_linear")
        .unlessNumber(1, false, "rope.scaling.attn_factor")
        .unlessNumber(0, false, "rope.scaling.alpha")
        // Keys of yarn and longrope, which are refused.
        .noEffect("rope.scaling.finetuned", "rope.scaling.original_context_length")
        .noEffect("rope.scaling.yarn_log_multiplier", "rope.scaling.yarn_ext_factor")
        .noEffect("rope.scaling.yarn_attn_factor", "rope.scaling.yarn_beta_fast")
        .noEffect("rope.scaling.yarn_beta_slow");
  }
}

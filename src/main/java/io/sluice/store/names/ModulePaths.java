package io.sluice.store.names;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Paths of modules in {@code transformers}, by which sparsify, dictionary_learning and nnsight name
 * what a module puts out: {@code model.layers.8.mlp} for {@code layers.8.mlp_out}. A path stands
 * for the same activations in both, or has no hook point.
 */
final class ModulePaths {
  private static final Pattern PATH =
      Pattern.compile(
          "(?:[a-z_]+\\.){0,3}?(layers|h|layer|encoder\\.layer)\\.(\\d{1,4}|\\d{1,4}-\\d{1,4}|\\*)"
              + "((?:\\.[A-Za-z0-9_]+)*?)(?:\\.output)?");

  /** Kinds by the path inside a layer, of decoders and of ModernBERT. */
  private static final Map<String, String> DECODER = new HashMap<>();

  /** Kinds by the path inside {@code encoder.layer.N}, of BERT. */
  private static final Map<String, String> ENCODER =
      Map.ofEntries(
          Map.entry("", "resid"),
          Map.entry(".attention", "resid_mid"),
          Map.entry(".attention.self", "z"),
          Map.entry(".attention.self.query", "q_pre_rope"),
          Map.entry(".attention.self.key", "k_pre_rope"),
          Map.entry(".attention.self.value", "v"),
          Map.entry(".attention.output", "resid_mid"),
          Map.entry(".attention.output.dense", "attn_out"),
          Map.entry(".intermediate", "mlp_act"),
          Map.entry(".output.dense", "mlp_out"));

  private static final Set<String> BEFORE_ROTATION = Set.of("q_pre_rope", "k_pre_rope");

  static {
    DECODER.put("", "resid");
    for (String attention : new String[] {"attn", "self_attn", "attention", "self_attention"}) {
      DECODER.put("." + attention, "attn_out");
      for (String projection : new String[] {"c_proj", "o_proj", "dense"}) {
        DECODER.put("." + attention + "." + projection, "attn_out");
      }
      DECODER.put("." + attention + ".q_proj", "q_pre_rope");
      DECODER.put("." + attention + ".k_proj", "k_pre_rope");
      DECODER.put("." + attention + ".v_proj", "v");
    }
    DECODER.put(".mlp", "mlp_out");
    DECODER.put(".mlp.c_proj", "mlp_out");
    DECODER.put(".mlp.down_proj", "mlp_out");
    DECODER.put(".mlp.dense_4h_to_h", "mlp_out");
    DECODER.put(".block_sparse_moe", "mlp_out");
    DECODER.put(".input_layernorm", "attn_in");
    DECODER.put(".ln_1", "attn_in");
    DECODER.put(".ln_2", "mlp_in");
    DECODER.put(".attn_norm", "attn_in");
    DECODER.put(".mlp_norm", "mlp_in");
    DECODER.put(".mlp.Wo", "mlp_out");
    DECODER.put(".attn.Wo", "attn_out");
    DECODER.put(".pre_feedforward_layernorm", "mlp_in");
    DECODER.put(".post_attention_layernorm", "mlp_in");
  }

  private ModulePaths() {}

  /**
   * The hook point that a module's output is, if there is one.
   *
   * @param model name of the model: whether a norm is before or behind a block depends on it
   */
  static Optional<String> hook(String path, String model) {
    Matcher module = PATH.matcher(path);
    if (!module.matches()) {
      return Optional.empty();
    }
    String inside = module.group(3);
    String kind = (module.group(1).endsWith("layer") ? ENCODER : DECODER).get(inside);
    return kind == null || isOther(inside, kind, model)
        ? Optional.empty()
        : Optional.of("layers." + module.group(2) + "." + kind);
  }

  /** Whether a module of this name puts out something else in this model. */
  private static boolean isOther(String inside, String kind, String model) {
    // The norm of that name is behind attention there, and norms follow the projections.
    return inside.equals(".post_attention_layernorm") && TransformerLensNames.normsOutputs(model)
        || BEFORE_ROTATION.contains(kind) && TransformerLensNames.normsHeads(model);
  }
}

package io.sluice.dictionary.formats;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import io.sluice.engine.TokenNorm;
import io.sluice.files.Quoted;
import io.sluice.store.names.TransformerLensNames;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * What TransformerLens did to a model before a dictionary of SAELens read it: {@code
 * model_from_pretrained_kwargs}. Most of it leaves the activations of a hook point as they are;
 * what changes them is refused, except {@code center_writing_weights}.
 *
 * <p>That subtracts their own mean from all rows that are written to the residual stream, so from
 * each token of the stream and of the outputs of attention and MLP. The LayerNorm of the model
 * subtracts it anyway, so nothing else changes; models with RMSNorm are left as they are.
 */
final class ModelProcessing {
  static final String SETTING = "model_from_pretrained_kwargs";
  static final String CENTRED = "center_writing_weights";

  /** What is written to the residual stream, and the stream itself. */
  private static final Set<String> WRITTEN =
      Set.of("resid_in", "resid_mid", "resid", "attn_out", "mlp_out");

  private static final Set<String> OTHERS =
      Set.of("attn_in", "q_pre_rope", "k_pre_rope", "q", "k", "v", "z", "mlp_in", "mlp_act");

  /** The hook points that a setting changes. */
  private static final Map<String, Set<String>> CHANGED =
      Map.of(
          CENTRED,
          WRITTEN,
          "fold_ln",
          Set.of("attn_in", "mlp_in"),
          "fold_value_biases",
          Set.of("v", "z"),
          "refactor_factored_attn_matrices",
          Set.of("q_pre_rope", "k_pre_rope", "q", "k", "v", "z"),
          "center_unembed",
          Set.of());

  /** Where and how the model is loaded, and how long its contexts may be. */
  private static final Set<String> HARMLESS =
      Set.of(
          "attn_implementation",
          "cache_dir",
          "default_padding_side",
          "default_prepend_bos",
          "device",
          "device_map",
          "dtype",
          "first_n_layers",
          "local_files_only",
          "low_cpu_mem_usage",
          "move_to_device",
          "n_ctx",
          "n_devices",
          "torch_dtype",
          "trust_remote_code");

  private static final Pattern WITH_LAYER_NORM =
      Pattern.compile(
          "(.*/)?(.*gpt-?2.*|gpt-?(j|neo|neox)\\b.*|pythia.*|bloom.*|phi-(1|1[._]5|2)|santacoder"
              + "|tiny-?stories.*|opt-(?!350m).*)");

  private static final Pattern WITH_RMS_NORM =
      Pattern.compile(
          "(.*/)?((meta-|code|tiny)?llama.*|gemma.*|(open)?mi[sx]tral.*|qwen.*|phi-?[34].*|olmo-?[23].*"
              + "|olmoe.*|smollm.*|deepseek.*|yi-.*|apertus.*|gpt-oss.*)");

  private ModelProcessing() {}

  /**
   * Whether the activations that a dictionary reads or writes were centred.
   *
   * @param settings the files' {@code model_from_pretrained_kwargs}
   * @param centred said elsewhere, in place of these settings
   * @param model name of the model; may be empty
   * @param points the names of the hook points, of Sluice or TransformerLens
   * @throws IOException if a setting changes them in another way, or it is not known whether
   */
  static boolean isCentred(
      ForeignConfig settings, Optional<Boolean> centred, String model, List<String> points)
      throws IOException {
    if (centred.isPresent()) {
      return centred.get() && isChanged(CENTRED, settings, model, points);
    }
    boolean found = false;
    for (String name : settings.names()) {
      if (!isOn(settings, name) || !isChanged(name, settings, model, points)) {
        continue;
      }
      if (!name.equals(CENTRED)) {
        throw settings.wrong(
            "%s is true in '%s', which changes %s before the dictionary reads it"
                .formatted(name, SETTING, String.join(" and ", points)));
      }
      found = true;
    }
    return found;
  }

  /**
   * Whether settings that apply to any hook point centre what blocks write.
   *
   * @throws IOException if one of them may change activations in another way
   */
  static boolean isCentred(ForeignConfig settings) throws IOException {
    for (String name : settings.names()) {
      boolean changes = CHANGED.containsKey(name) && !CHANGED.get(name).isEmpty();
      if (isOn(settings, name) && changes && !name.equals(CENTRED)) {
        throw settings.wrong(name + " is true in '" + SETTING + "', which is not done here");
      }
    }
    return isOn(settings, CENTRED);
  }

  /** Whether the setting is on; names that are not known are refused unless they are off. */
  private static boolean isOn(ForeignConfig settings, String name) throws IOException {
    JsonNode value = settings.node(name);
    boolean off = value.isMissingNode() || value.isNull() || value.equals(BooleanNode.FALSE);
    if (off || HARMLESS.contains(name)) {
      return false;
    }
    if (!CHANGED.containsKey(name)) {
      throw settings.wrong(
          "'%s' has %s, and what it does to activations is not known here; known: %s"
              .formatted(SETTING, Quoted.of(name), String.join(", ", known())));
    }
    return settings.bool(name, false);
  }

  private static Set<String> known() {
    Set<String> known = new TreeSet<>(HARMLESS);
    known.addAll(CHANGED.keySet());
    return known;
  }

  /** Whether a setting that is on changes one of the hook points. */
  private static boolean isChanged(
      String name, ForeignConfig settings, String model, List<String> points) throws IOException {
    boolean changed = false;
    for (String point : points) {
      String kind = kind(point, model);
      if (WRITTEN.contains(kind) || OTHERS.contains(kind)) {
        changed |= CHANGED.get(name).contains(kind);
      } else if (!point.endsWith(".hook_normalized") && !CHANGED.get(name).isEmpty()) {
        // A norm divides what it reads the same, processed or not.
        throw settings.wrong(
            "%s is true in '%s', and whether that changes %s is not known here; name a hook point"
                    .formatted(name, SETTING, Quoted.of(point))
                + " with --hook");
      }
    }
    if (!changed || !name.equals(CENTRED)) {
      return changed;
    }
    String known = model.toLowerCase(Locale.ROOT);
    if (WITH_RMS_NORM.matcher(known).matches()) {
      return false;
    }
    if (!WITH_LAYER_NORM.matcher(known).matches()) {
      throw settings.wrong(
          "%s is true in '%s', which TransformerLens does to models with LayerNorm and not to those"
                  .formatted(CENTRED, SETTING)
              + " with RMSNorm; which of them %s is, is not known here; name the model with --model"
                  .formatted(Quoted.of(model)));
    }
    return true;
  }

  /** Whether TransformerLens would centre what is read at a hook point of a model. */
  static boolean canCentre(String model, String point) {
    return WRITTEN.contains(kind(point, model))
        && WITH_LAYER_NORM.matcher(model.toLowerCase(Locale.ROOT)).matches();
  }

  /** The kind of a hook point; empty if Sluice has none of this name. */
  private static String kind(String point, String model) {
    String ours = TransformerLensNames.known(point, model);
    return ours.startsWith("layers.") ? ours.substring(ours.lastIndexOf('.') + 1) : "";
  }

  /**
   * What a dictionary of centred activations does to those of the model itself: it subtracts each
   * token's mean, and adds it to the reconstruction again, as its library replaces activations that
   * have none. A layer norm does that already.
   *
   * @throws IOException if its own normalisation would be another one of tokens with their mean
   */
  static TokenNorm centred(ForeignConfig config, Optional<TokenNorm> own) throws IOException {
    if (own.isEmpty()) {
      return new TokenNorm(TokenNorm.Kind.CENTRED, true);
    }
    if (own.get().kind() != TokenNorm.Kind.LAYER_NORM) {
      throw config.wrong(
          "%s is true in '%s' and normalize_activations is '%s', which is not read together"
              .formatted(CENTRED, SETTING, own.get().kind().label()));
    }
    return own.get();
  }
}

package io.sluice.dictionary.formats;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names that TransformerLens has for hook points, to which SAELens attaches dictionaries:
 * {@code blocks.3.hook_attn_out} for {@code layers.3.attn_out}. What it has no name for keeps its
 * own, in both directions.
 */
final class TransformerLensHook {
  private static final Pattern OURS = Pattern.compile("layers\\.(\\d{1,4})\\.([a-z_]+)");
  private static final Pattern THEIRS = Pattern.compile("blocks\\.(\\d{1,4})\\.([a-z_.]+)");

  /**
   * Models that normalise what a block writes before they add it. TransformerLens hooks come after
   * that norm there, Sluice's before.
   */
  private static final Pattern NORMED_AFTER =
      Pattern.compile("(?s).*(gemma[-_ ]?[23]|olmo[-_ ]?[23]).*");

  private TransformerLensHook() {}

  /** Whether activations at this hook of a model have a name there. */
  static boolean has(String hook, String model) {
    return !name(hook, model).equals(hook);
  }

  /** The name of {@code layers.3.attn_out} and the like. */
  static String name(String hook, String model) {
    Matcher place = OURS.matcher(hook);
    if (!place.matches()) {
      return hook;
    }
    String kind =
        switch (place.group(2)) {
          case "attn_out" -> isNormedAfter(model) ? null : "hook_attn_out";
          case "mlp_out" -> isNormedAfter(model) ? null : "hook_mlp_out";
          case "z" -> "attn.hook_z";
          case "resid" -> "hook_resid_post";
          default -> null;
        };
    return kind == null ? hook : "blocks." + Integer.parseInt(place.group(1)) + "." + kind;
  }

  /** What {@link #name} made a name of; any other name stays. */
  static String hook(String name, String model) {
    Matcher place = THEIRS.matcher(name);
    if (!place.matches()) {
      return name;
    }
    int layer = Integer.parseInt(place.group(1));
    String kind =
        switch (place.group(2)) {
          case "hook_attn_out" -> isNormedAfter(model) ? null : "attn_out";
          case "hook_mlp_out" -> isNormedAfter(model) ? null : "mlp_out";
          case "attn.hook_z" -> "z";
          case "hook_resid_post" -> "resid";
          // What a layer reads is what the one before it left; the first one reads embeddings.
          case "hook_resid_pre" -> layer-- == 0 ? null : "resid";
          default -> null;
        };
    return kind == null ? name : "layers." + layer + "." + kind;
  }

  private static boolean isNormedAfter(String model) {
    return NORMED_AFTER.matcher(model.toLowerCase(Locale.ROOT)).matches();
  }
}

package io.sluice.dictionary.formats;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The TransformerLens names of hook points, which SAELens uses: {@code blocks.3.hook_attn_out} for
 * {@code layers.3.attn_out}. A hook point without such a name keeps its own, in both directions.
 */
final class TransformerLensHook {
  private static final Pattern OURS = Pattern.compile("layers\\.(\\d{1,4})\\.([a-z_]+)");
  private static final Pattern THEIRS = Pattern.compile("blocks\\.(\\d{1,4})\\.([a-z_.]+)");

  /**
   * Models that normalise the output of a block before they add it. TransformerLens's hooks come
   * after that norm, Sluice's before it.
   */
  private static final Pattern NORMED_AFTER =
      Pattern.compile("(?s).*(gemma[-_ ]?[23]|olmo[-_ ]?[23]).*");

  private TransformerLensHook() {}

  /** Whether TransformerLens has a name for this hook point of a model. */
  static boolean has(String hook, String model) {
    return !name(hook, model).equals(hook);
  }

  /** The TransformerLens name of a hook point. */
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

  /** The inverse of {@link #name}; other names stay. */
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
          // The input of a layer is the output of the previous one; the first layer reads
          // embeddings.
          case "hook_resid_pre" -> layer-- == 0 ? null : "resid";
          default -> null;
        };
    return kind == null ? name : "layers." + layer + "." + kind;
  }

  private static boolean isNormedAfter(String model) {
    return NORMED_AFTER.matcher(model.toLowerCase(Locale.ROOT)).matches();
  }
}

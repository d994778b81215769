package io.sluice.store;

import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names that TransformerLens, and with it SAELens, gives to hook points: {@code
 * blocks.3.hook_attn_out} for {@code layers.3.attn_out}. A name stands for the same activations in
 * both; what has no counterpart has no other name.
 */
public final class TransformerLensNames {
  /** A layer, a range of layers or all, and a kind. */
  private static final String LAYERS = "(\\d{1,4}|\\d{1,4}-\\d{1,4}|\\*)";

  private static final Pattern OURS = Pattern.compile("layers\\." + LAYERS + "\\.([a-z_]+)");
  private static final Pattern THEIRS = Pattern.compile("blocks\\." + LAYERS + "\\.([a-z0-9_.]+)");

  /**
   * Models that normalise the output of a block before they add it. TransformerLens's hooks come
   * after that norm, Sluice's before it.
   */
  private static final Pattern NORMED_AFTER =
      Pattern.compile("(?s).*(gemma[-_ ]?[23]|olmo[-_ ]?[23]).*");

  private TransformerLensNames() {}

  /** The TransformerLens name of a hook point of a model, if it has one. */
  public static Optional<String> of(String hook, String model) {
    Matcher place = OURS.matcher(hook);
    if (!place.matches()) {
      return Optional.empty();
    }
    String kind =
        switch (place.group(2)) {
          case "resid_in" -> "hook_resid_pre";
          case "z" -> "attn.hook_z";
          case "attn_out" -> isNormedAfter(model) ? null : "hook_attn_out";
          case "resid_mid" -> "hook_resid_mid";
          case "mlp_act" -> "mlp.hook_post";
          case "mlp_out" -> isNormedAfter(model) ? null : "hook_mlp_out";
          case "resid" -> "hook_resid_post";
          default -> null;
        };
    return Optional.ofNullable(kind).map(name -> "blocks." + place.group(1) + "." + name);
  }

  /**
   * The hook point that a name of TransformerLens stands for, if there is one; {@code
   * hook_resid_pre} of a layer is {@code resid} of the layer before it.
   *
   * @param model name of the model, which matters for those whose blocks' outputs are normalised
   */
  public static Optional<String> hook(String name, String model) {
    Matcher place = THEIRS.matcher(name);
    if (!place.matches()) {
      return Optional.empty();
    }
    String layer = place.group(1);
    String kind =
        switch (place.group(2)) {
          case "hook_resid_pre" -> "resid_in";
          case "attn.hook_z" -> "z";
          case "hook_attn_out" -> isNormedAfter(model) ? null : "attn_out";
          case "hook_resid_mid" -> "resid_mid";
          case "mlp.hook_post" -> "mlp_act";
          case "hook_mlp_out" -> isNormedAfter(model) ? null : "mlp_out";
          case "hook_resid_post" -> "resid";
          default -> null;
        };
    if (kind == null) {
      return Optional.empty();
    }
    if (kind.equals("resid_in") && layer.chars().allMatch(Character::isDigit)) {
      int before = Integer.parseInt(layer) - 1;
      return Optional.of(before < 0 ? "layers.0.resid_in" : "layers." + before + ".resid");
    }
    return Optional.of("layers." + layer + "." + kind);
  }

  /**
   * A hook point or pattern as someone gave it, in Sluice's names.
   *
   * @throws IllegalArgumentException if it is a name of TransformerLens without a counterpart; the
   *     message says why
   */
  public static String translated(String given, String model) {
    if (!given.startsWith("blocks.")) {
      return given;
    }
    return hook(given, model)
        .orElseThrow(() -> new IllegalArgumentException(given + " " + reason(given, model)));
  }

  private static String reason(String name, String model) {
    if (name.endsWith(".ln1.hook_normalized") || name.endsWith(".ln2.hook_normalized")) {
      return "is taken before the norm's weight is applied; %s, which the block reads, after it"
          .formatted(name.contains("ln1") ? "attn_in" : "mlp_in");
    }
    boolean written = name.endsWith(".hook_attn_out") || name.endsWith(".hook_mlp_out");
    if (written && isNormedAfter(model)) {
      return "is taken after the norm that follows the block in "
          + model
          + "; Sluice has the hook point before that norm";
    }
    return "is none of the TransformerLens names that Sluice knows: hook_resid_pre, attn.hook_z,"
        + " hook_attn_out, hook_resid_mid, mlp.hook_post, hook_mlp_out, hook_resid_post";
  }

  private static boolean isNormedAfter(String model) {
    return NORMED_AFTER.matcher(model.toLowerCase(Locale.ROOT)).matches();
  }
}

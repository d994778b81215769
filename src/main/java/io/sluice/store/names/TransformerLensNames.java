package io.sluice.store.names;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
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

  /**
   * Models that normalise queries and keys. TransformerLens's hooks before the rotation come before
   * that norm, Sluice's after it.
   */
  private static final Pattern NORMED_HEADS =
      Pattern.compile("(?s).*(gemma[-_ ]?3|olmo[-_ ]?[23]|qwen[-_ ]?3).*");

  /** A model for which only those names are known that mean the same in all models. */
  static final String STRICTEST = "gemma-3";

  /** Models without rotary positions, whose hooks after the rotation do not exist there. */
  private static final Pattern UNROTATED =
      Pattern.compile("(?s)(.*gpt-?2.*|(?!.*modern).*bert.*|.*minilm.*)");

  /** The kinds that have a counterpart, by Sluice's label, in the order of a layer. */
  private static final Map<String, String> THEIR_KINDS = new LinkedHashMap<>();

  private static final Map<String, String> OUR_KINDS = new HashMap<>();

  /**
   * What newer versions call the input and output of a block itself, which no norm that follows it
   * changes.
   */
  private static final Map<String, String> OF_BLOCKS =
      Map.of(
          "attn.hook_in", "attn_in",
          "attn.hook_out", "attn_out",
          "mlp.hook_in", "mlp_in",
          "mlp.hook_out", "mlp_out");

  /** Those that {@link #NORMED_AFTER} concerns. */
  private static final Set<String> OUTPUTS = Set.of("attn_out", "mlp_out");

  /** Those that {@link #NORMED_HEADS} concerns. */
  private static final Set<String> BEFORE_ROTATION = Set.of("q_pre_rope", "k_pre_rope");

  static {
    THEIR_KINDS.put("resid_in", "hook_resid_pre");
    THEIR_KINDS.put("q_pre_rope", "attn.hook_q");
    THEIR_KINDS.put("k_pre_rope", "attn.hook_k");
    THEIR_KINDS.put("q", "attn.hook_rot_q");
    THEIR_KINDS.put("k", "attn.hook_rot_k");
    THEIR_KINDS.put("v", "attn.hook_v");
    THEIR_KINDS.put("z", "attn.hook_z");
    THEIR_KINDS.put("attn_out", "hook_attn_out");
    THEIR_KINDS.put("resid_mid", "hook_resid_mid");
    THEIR_KINDS.put("mlp_act", "mlp.hook_post");
    THEIR_KINDS.put("mlp_out", "hook_mlp_out");
    THEIR_KINDS.put("resid", "hook_resid_post");
    THEIR_KINDS.forEach((ours, theirs) -> OUR_KINDS.put(theirs, ours));
  }

  private TransformerLensNames() {}

  /** The TransformerLens name of a hook point of a model, if it has one. */
  public static Optional<String> of(String hook, String model) {
    Matcher place = OURS.matcher(hook);
    if (!place.matches()) {
      return Optional.empty();
    }
    String kind = place.group(2);
    if ((kind.equals("q") || kind.equals("k")) && matches(UNROTATED, model)) {
      kind += "_pre_rope";
    }
    return hasCounterpart(kind, model) && THEIR_KINDS.containsKey(kind)
        ? Optional.of("blocks." + place.group(1) + "." + THEIR_KINDS.get(kind))
        : Optional.empty();
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
    if (OF_BLOCKS.containsKey(place.group(2))) {
      return Optional.of("layers." + layer + "." + OF_BLOCKS.get(place.group(2)));
    }
    String kind = OUR_KINDS.get(place.group(2));
    if (kind == null || !hasCounterpart(kind, model)) {
      return Optional.empty();
    }
    if (kind.equals("resid_in") && layer.chars().allMatch(Character::isDigit)) {
      int before = Integer.parseInt(layer) - 1;
      return Optional.of(before < 0 ? "layers.0.resid_in" : "layers." + before + ".resid");
    }
    return Optional.of("layers." + layer + "." + kind);
  }

  /**
   * A hook point or pattern as someone gave it, in Sluice's names: by its name in TransformerLens,
   * or by the path of the module that puts it out in {@code transformers}. What is neither stays as
   * it is.
   *
   * @throws IllegalArgumentException if it is a name of TransformerLens without a counterpart; the
   *     message says why
   */
  public static String translated(String given, String model) {
    if (!given.startsWith("blocks.")) {
      return ModulePaths.hook(given, model).orElse(given);
    }
    return hook(given, model)
        .orElseThrow(() -> new IllegalArgumentException(given + " " + reason(given, model)));
  }

  /** Like {@link #translated}, but a name without a counterpart stays as it is. */
  public static String known(String name, String model) {
    return name.startsWith("blocks.")
        ? hook(name, model).orElse(name)
        : ModulePaths.hook(name, model).orElse(name);
  }

  /**
   * The other name of a residual stream between two layers: {@code layers.8.resid_in} for {@code
   * layers.7.resid}, and the other way around.
   */
  public static Optional<String> otherName(String hook) {
    Matcher place = OURS.matcher(hook);
    if (!place.matches() || !place.group(1).chars().allMatch(Character::isDigit)) {
      return Optional.empty();
    }
    int layer = Integer.parseInt(place.group(1));
    return switch (place.group(2)) {
      case "resid" -> Optional.of("layers." + (layer + 1) + ".resid_in");
      case "resid_in" ->
          layer == 0 ? Optional.empty() : Optional.of("layers." + (layer - 1) + ".resid");
      default -> Optional.empty();
    };
  }

  private static String reason(String name, String model) {
    if (name.endsWith(".ln1.hook_normalized") || name.endsWith(".ln2.hook_normalized")) {
      return "is taken before the norm's weight is applied; %s, which the block reads, after it"
          .formatted(name.contains("ln1") ? "attn_in" : "mlp_in");
    }
    Matcher place = THEIRS.matcher(name);
    String kind = place.matches() ? OUR_KINDS.get(place.group(2)) : null;
    if (kind != null && BEFORE_ROTATION.contains(kind) && normsHeads(model)) {
      return "is taken before the norm of queries and keys in "
          + model
          + "; Sluice has the hook point after that norm, "
          + kind;
    }
    if (name.endsWith(".attn.hook_pattern")) {
      return "is the attention pattern, whose width depends on the context; LayerPattern of the Java"
          + " library gives it";
    }
    if (kind != null && !hasCounterpart(kind, model)) {
      return "is taken after the norm that follows the block in "
          + model
          + "; Sluice has the hook point before that norm";
    }
    return "is none of the TransformerLens names that Sluice knows: "
        + String.join(", ", THEIR_KINDS.values())
        + ", "
        + String.join(", ", new TreeSet<>(OF_BLOCKS.keySet()));
  }

  /** Whether a model normalises the output of a block before it adds it. */
  static boolean normsOutputs(String model) {
    return matches(NORMED_AFTER, model);
  }

  /** Whether a model normalises queries and keys. */
  static boolean normsHeads(String model) {
    return matches(NORMED_HEADS, model);
  }

  private static boolean hasCounterpart(String kind, String model) {
    return !(OUTPUTS.contains(kind) && normsOutputs(model))
        && !(BEFORE_ROTATION.contains(kind) && normsHeads(model));
  }

  private static boolean matches(Pattern models, String model) {
    return models.matcher(model.toLowerCase(Locale.ROOT)).matches();
  }
}

package io.sluice.report;

import java.util.Map;

/** Words for settings whose value is a code. */
final class SettingWords {
  /** Settings whose 0 has a special meaning, and that meaning. */
  private static final Map<String, String> ZERO =
      Map.ofEntries(
          Map.entry("dInit", "as many as tau asks for"),
          Map.entry("subspaceDimensions", "none"),
          Map.entry("trainedDimensions", "all"),
          Map.entry("warmupSteps", "none"),
          Map.entry("decaySteps", "none"),
          Map.entry("checkpointEvery", "never"),
          Map.entry("fromPosition", "all positions"),
          Map.entry("heldOut.share", "none"),
          Map.entry("heldOut.tokens", "none"),
          Map.entry("heldOut.contexts", "none"),
          Map.entry("threshold", "where k features fire"),
          Map.entry("kSteps", "none"),
          Map.entry("groups", "as many as the model has heads"),
          Map.entry("remedies.dimensions", "as many as tau asks for"),
          Map.entry("remedies.auxK", "half the width"),
          Map.entry("remedies.resampleEvery", "never"),
          Map.entry("remedies.resampleUntil", "half of the run"),
          Map.entry("remedies.deadAfter", "the dead window"));

  private SettingWords() {}

  /** The value in words. */
  static String of(String key, String value) {
    return switch (value) {
      case "0", "0.0" -> ZERO.getOrDefault(key, value);
      case "true" -> "yes";
      case "false" -> "no";
      case "random" -> key.equals("init") ? "random directions" : value;
      case "asi" -> key.equals("init") ? "active subspace" : value;
      case "adam" -> key.equals("optimiser") ? "Adam" : value;
      case "sparse-adam" -> key.equals("optimiser") ? "SparseAdam" : value;
      default -> value;
    };
  }
}

package io.sluice.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;

/** What keeps codes sparse, among the settings of {@code run.json}, and back. */
final class SparsitySettings {
  private SparsitySettings() {}

  static void write(SparsityConfig sparsity, ObjectNode json) {
    PenaltyConfig penalty = sparsity.penalty();
    json.put("activation", sparsity.kind().label());
    json.put("k", sparsity.k());
    json.put("firstK", sparsity.firstK());
    json.put("kSteps", sparsity.kSteps());
    ArrayNode prefixes = json.putArray("prefixes");
    sparsity.prefixes().forEach(prefixes::add);
    json.put("penalty", penalty.weight());
    json.put("penaltySteps", penalty.steps());
    json.put("penaltyKind", penalty.kind().label());
    json.put("penaltyScale", penalty.scale());
    json.put("lastExponent", penalty.lastExponent());
    json.put("exponentFrom", penalty.from());
    json.put("exponentTo", penalty.to());
    json.put("exponentStages", penalty.stages());
    json.put("bandwidth", sparsity.bandwidth());
    json.put("threshold", sparsity.threshold());
    json.put("residual", sparsity.residual());
  }

  /** Runs of before there was a choice say nothing of it, so that most of this has a default. */
  static SparsityConfig read(JsonNode json) {
    PenaltyConfig none = PenaltyConfig.NONE;
    return new SparsityConfig(
        Sparsity.ofLabel(json.path("activation").asText("topk")),
        json.required("k").asInt(),
        json.required("firstK").asInt(),
        json.required("kSteps").asLong(),
        prefixes(json.path("prefixes")),
        new PenaltyConfig(
            PenaltyKind.ofLabel(json.path("penaltyKind").asText(none.kind().label())),
            json.path("penalty").asDouble(),
            json.path("penaltySteps").asLong(),
            json.path("penaltyScale").asDouble(none.scale()),
            json.path("lastExponent").asDouble(none.lastExponent()),
            json.path("exponentFrom").asLong(),
            json.path("exponentTo").asLong(),
            json.path("exponentStages").asInt(none.stages())),
        json.path("bandwidth").asDouble(1),
        json.path("threshold").asDouble(),
        json.path("residual").asDouble());
  }

  private static List<Integer> prefixes(JsonNode json) {
    List<Integer> prefixes = new ArrayList<>();
    json.forEach(end -> prefixes.add(end.asInt()));
    return prefixes;
  }
}

package io.sluice.training.config;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.ActivationFunctions;
import io.sluice.engine.activation.CustomActivation;
import io.sluice.files.Fields;
import java.io.IOException;
import java.util.List;

/** Converts a {@link SparsityConfig} to settings in {@code run.json}, and back. */
public final class SparsitySettings {
  /** Settings of activation functions that have others than those of the package. */
  private static final String CUSTOM = "activationSettings";

  private SparsitySettings() {}

  public static void write(SparsityConfig sparsity, ObjectNode json) {
    PenaltyConfig penalty = sparsity.penalty();
    json.put("activation", sparsity.activation().label());
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
    if (sparsity.activation() instanceof CustomActivation custom) {
      custom.write(json.putObject(CUSTOM));
    }
  }

  /** Runs of before there was a choice say nothing of it, so that most of this has a default. */
  public static SparsityConfig read(Fields json) throws IOException {
    PenaltyConfig none = PenaltyConfig.NONE;
    return new SparsityConfig(
        activation(json),
        json.integer("k", 0, Integer.MAX_VALUE),
        json.integer("firstK", 0, Integer.MAX_VALUE),
        json.whole("kSteps", 0, Long.MAX_VALUE),
        json.has("prefixes") ? json.integers("prefixes", 1, Integer.MAX_VALUE) : List.of(),
        new PenaltyConfig(
            PenaltyKind.ofLabel(json.text("penaltyKind", none.kind().label())),
            json.real("penalty", 0),
            json.whole("penaltySteps", 0, Long.MAX_VALUE, 0),
            json.real("penaltyScale", none.scale()),
            json.real("lastExponent", none.lastExponent()),
            json.whole("exponentFrom", 0, Long.MAX_VALUE, 0),
            json.whole("exponentTo", 0, Long.MAX_VALUE, 0),
            json.integer("exponentStages", 0, Integer.MAX_VALUE, none.stages())),
        json.real("bandwidth", 1),
        json.real("threshold", 0),
        json.real("residual", 0));
  }

  private static ActivationFunction activation(Fields json) throws IOException {
    ActivationFunction named = ActivationFunctions.named(json.text("activation", "topk"));
    if (!json.has(CUSTOM)) {
      return named;
    }
    Fields settings = json.object(CUSTOM);
    int features = json.integer("features", 1, Integer.MAX_VALUE);
    ActivationFunction read =
        named.read(
            settings,
            name -> {
              throw settings.damaged(
                  "the settings of a run cannot contain values per feature: " + name);
            },
            features);
    settings.requireNoOthers();
    return read;
  }
}

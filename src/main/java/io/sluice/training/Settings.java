package io.sluice.training;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.Optimiser;
import io.sluice.store.ActivationStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalInt;

/** A training configuration as the flat {@code config} of {@code run.json}, and back. */
final class Settings {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Settings() {}

  static ObjectNode write(TrainingConfig config, ActivationStore store, String engine)
      throws IOException {
    ObjectNode json = JSON.createObjectNode();
    json.put("hook", config.hook());
    KindSettings.write(config.kind(), json);
    json.put("features", config.features());
    SparsitySettings.write(config.sparsity(), json);
    switch (config.start()) {
      case Start.Random random -> json.put("init", "random");
      case Start.ActiveSubspace active -> {
        json.put("init", "asi");
        json.put("dInit", active.dimensions());
        json.put("tau", active.tau());
      }
    }
    json.put("centre", config.centre());
    json.put("normalise", config.normalise());
    json.put("normSearch", config.normSearch());
    json.put("rankByDecoderNorm", config.rankByDecoderNorm());
    json.put("optimiser", config.optimiser().label());
    json.put("learningRate", config.learningRate());
    json.put("beta1", config.beta1());
    json.put("beta2", config.beta2());
    json.put("epsilon", config.epsilon());
    json.put("batch", config.batch());
    json.put("steps", config.steps());
    json.put("warmupSteps", config.warmupSteps());
    json.put("decaySteps", config.decaySteps());
    json.put("seed", config.seed());
    json.put("deadWindowTokens", config.deadWindow());
    json.put("checkpointEvery", config.checkpointEvery());
    json.put("logEvery", config.logEvery());
    json.put("sampleRows", config.sampleRows());
    json.put("fromPosition", config.firstPosition(store));
    json.put("dataSeed", config.dataSeed());
    RunRows.write(config.heldOut(store), json);
    Remedies remedies = config.remedies();
    if (!remedies.equals(Remedies.NONE)) {
      json.set("remedies", JSON.valueToTree(remedies));
    }
    json.put("engine", engine);
    json.put("store", store.folder().toString());
    json.put("storeRows", store.rows());
    json.put("storeCreated", store.manifest().created());
    json.put("model", store.manifest().model());
    json.put("text", store.manifest().text());
    return json;
  }

  /** The configuration that {@link #write} wrote; {@code file} is named in errors. */
  static TrainingConfig read(JsonNode json, Path file) throws IOException {
    try {
      Start start =
          switch (json.required("init").asText()) {
            case "random" -> new Start.Random();
            case "asi" ->
                new Start.ActiveSubspace(
                    json.required("dInit").asInt(), json.required("tau").asDouble());
            default ->
                throw new IllegalArgumentException(
                    "unknown init '" + json.get("init").asText() + "'");
          };
      return new TrainingConfig(
          json.required("hook").asText(),
          KindSettings.read(json),
          json.required("features").asInt(),
          SparsitySettings.read(json),
          start,
          json.required("centre").asBoolean(),
          json.required("normalise").asBoolean(),
          json.path("normSearch").asBoolean(true),
          json.required("rankByDecoderNorm").asBoolean(),
          Optimiser.ofLabel(json.required("optimiser").asText()),
          json.required("learningRate").asDouble(),
          json.required("beta1").asDouble(),
          json.required("beta2").asDouble(),
          json.required("epsilon").asDouble(),
          json.required("batch").asInt(),
          json.required("steps").asLong(),
          json.required("warmupSteps").asLong(),
          json.required("decaySteps").asLong(),
          json.required("seed").asLong(),
          json.required("deadWindowTokens").asLong(),
          json.required("checkpointEvery").asLong(),
          json.required("logEvery").asLong(),
          json.required("sampleRows").asInt(),
          // Runs that do not say took every row.
          OptionalInt.of(json.path("fromPosition").asInt()),
          json.path("dataSeed").asLong(json.required("seed").asLong()),
          // Runs of before tokens were held out trained on all.
          RunRows.share(json),
          json.has("remedies")
              ? JSON.treeToValue(json.get("remedies"), Remedies.class)
              : Remedies.NONE);
    } catch (IllegalArgumentException | JsonProcessingException e) {
      throw new IOException(file + ": its config is damaged: " + e.getMessage(), e);
    }
  }

  /** Refuses a store that is not the one the run was started on. */
  static void requireSame(JsonNode json, ActivationStore store, Path file) throws IOException {
    if (json.path("storeRows").asLong() != store.rows()
        || !json.path("storeCreated").asText().equals(store.manifest().created())) {
      throw new IOException(
          "%s: the run was started on a store of %d rows created %s, but %s has %d rows, created %s"
              .formatted(
                  file,
                  json.path("storeRows").asLong(),
                  json.path("storeCreated").asText(),
                  store.folder(),
                  store.rows(),
                  store.manifest().created()));
    }
  }
}

package io.sluice.training.lorsa;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.dictionary.lorsa.LorsaConfig;
import io.sluice.files.Fields;
import io.sluice.store.ActivationStore;
import io.sluice.store.HeldOut;
import io.sluice.training.RunRows;
import io.sluice.training.Start;
import java.io.IOException;
import java.nio.file.Path;

/** A configuration as the {@code config} of {@code run.json}, and back. */
final class LorsaSettings {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String FORM = "lorsa";

  private LorsaSettings() {}

  static ObjectNode write(
      LorsaTrainingConfig config,
      LorsaConfig form,
      LorsaStart start,
      HeldOut heldOut,
      ActivationStore store) {
    ObjectNode json = JSON.createObjectNode();
    form.write(json.putObject(FORM));
    json.put("inputHook", config.inputHook());
    json.put("outputHook", config.outputHook());
    json.put("heads", config.heads());
    json.put("groups", config.groups());
    json.put("k", config.k());
    json.put("rankByOutputNorm", config.rankByOutputNorm());
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
    json.put("fromPosition", config.fromPosition());
    json.set("schedule", JSON.valueToTree(config.schedule()));
    json.put("seed", config.seed());
    json.put("sampleTokens", config.sampleTokens());
    RunRows.write(heldOut, json);
    json.set("start", JSON.valueToTree(start));
    json.put("store", store.folder().toString());
    json.put("storeRows", store.rows());
    json.put("storeCreated", store.manifest().created());
    json.put("model", store.manifest().model());
    json.put("text", store.manifest().text());
    return json;
  }

  /** The configuration that {@link #write} wrote; {@code file} is named in errors. */
  static LorsaTrainingConfig read(JsonNode json, Path file) throws IOException {
    if (!json.has(FORM)) {
      throw new IOException(file + ": is not a run of a Lorsa; go on with 'sluice train --resume'");
    }
    try {
      Start start =
          json.required("init").asText().equals("random")
              ? new Start.Random()
              : new Start.ActiveSubspace(
                  json.required("dInit").asInt(), json.required("tau").asDouble());
      return new LorsaTrainingConfig(
          json.required("inputHook").asText(),
          json.required("outputHook").asText(),
          json.required("heads").asInt(),
          json.required("groups").asInt(),
          json.required("k").asInt(),
          json.required("rankByOutputNorm").asBoolean(),
          start,
          json.required("centre").asBoolean(),
          json.required("normalise").asBoolean(),
          json.required("fromPosition").asInt(),
          JSON.treeToValue(json.required("schedule"), LorsaSchedule.class),
          json.required("seed").asLong(),
          json.required("sampleTokens").asInt(),
          RunRows.share(json));
    } catch (JsonProcessingException | IllegalArgumentException e) {
      throw new IOException(file + ": its config is damaged: " + e.getMessage(), e);
    }
  }

  /** The form that the run has. */
  static LorsaConfig form(JsonNode json, Path file) throws IOException {
    return LorsaConfig.read(
        Fields.of(file + ": config." + FORM, json.path(FORM), "restore it or train again"));
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

package io.sluice.lorsa.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import io.sluice.lorsa.LorsaConfig;
import io.sluice.store.ActivationStore;
import io.sluice.store.HeldOut;
import io.sluice.training.config.InitialDirectionsSettings;
import io.sluice.training.config.Schedule;
import io.sluice.training.run.RunRows;
import java.io.IOException;
import java.nio.file.Path;

/** A configuration as the {@code config} of {@code run.json}, and back. */
final class LorsaSettings {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String FORM = "lorsa";
  private static final int MOST = Integer.MAX_VALUE;

  private LorsaSettings() {}

  static ObjectNode write(
      LorsaTrainingConfig config,
      LorsaConfig form,
      LorsaStartingPoint start,
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
    InitialDirectionsSettings.write(config.start(), json);
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
      throw new IOException(
          file + ": is not a run of a Lorsa; continue with 'sluice train --resume'");
    }
    Fields fields = fields(json, file);
    return fields.build(
        () ->
            new LorsaTrainingConfig(
                fields.text("inputHook"),
                fields.text("outputHook"),
                fields.integer("heads", 1, MOST),
                fields.integer("groups", 0, MOST),
                fields.integer("k", 1, MOST),
                fields.flag("rankByOutputNorm"),
                InitialDirectionsSettings.read(fields),
                fields.flag("centre"),
                fields.flag("normalise"),
                fields.integer("fromPosition", 0, MOST),
                fields.object("schedule").record(Schedule.class),
                fields.whole("seed", Long.MIN_VALUE, Long.MAX_VALUE),
                fields.integer("sampleTokens", 1, MOST),
                RunRows.share(fields)));
  }

  private static Fields fields(JsonNode json, Path file) throws IOException {
    ObjectNode whole = JSON.createObjectNode();
    whole.set("config", json);
    return Fields.of(file.toString(), whole, "restore it or train again").object("config");
  }

  /** The form that the run has. */
  static LorsaConfig form(JsonNode json, Path file) throws IOException {
    return LorsaConfig.read(fields(json, file).object(FORM));
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

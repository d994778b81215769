package io.sluice.lorsa.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import io.sluice.lorsa.LorsaConfig;
import io.sluice.store.ActivationStore;
import io.sluice.store.HeldOut;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.Schedule;
import io.sluice.training.run.RunRows;
import io.sluice.training.run.RunStore;
import java.io.IOException;
import java.nio.file.Path;

/** Converts a configuration to the {@code config} of {@code run.json}, and back. */
final class LorsaSettings {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String FORM = "lorsa";
  private static final String SCHEDULE = "schedule";
  private static final String BATCH = "contexts";
  private static final String DEAD_WINDOW = "deadWindow";
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
    json.put("rankByOutputNorm", config.scoreByOutputNorm());
    config.start().write(json);
    json.put("centre", config.centre());
    json.put("normalise", config.normalise());
    json.put("fromPosition", config.fromPosition());
    ObjectNode schedule = json.putObject(SCHEDULE);
    config.schedule().writeSteps(schedule, BATCH);
    config.schedule().writeCadence(schedule, DEAD_WINDOW);
    json.put("seed", config.seed());
    json.put("sampleTokens", config.sampleTokens());
    RunRows.write(heldOut, json);
    json.set("start", JSON.valueToTree(start));
    RunStore.write(store, json);
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
                InitialDirections.read(fields),
                fields.flag("centre"),
                fields.flag("normalise"),
                fields.integer("fromPosition", 0, MOST),
                Schedule.read(fields.object(SCHEDULE), BATCH, DEAD_WINDOW),
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
}

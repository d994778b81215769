package io.sluice.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.spec.Optimiser;
import io.sluice.files.Fields;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.InitialDirectionsSettings;
import io.sluice.training.config.KindSettings;
import io.sluice.training.config.Remedies;
import io.sluice.training.config.SparsitySettings;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.RunRows;
import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalInt;

/** A training configuration as the flat {@code config} of {@code run.json}, and back. */
public final class Settings {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int MOST = Integer.MAX_VALUE;

  private Settings() {}

  public static ObjectNode write(TrainingConfig config, ActivationStore store, String engine)
      throws IOException {
    ObjectNode json = JSON.createObjectNode();
    json.put("hook", config.hook());
    KindSettings.write(config.kind(), json);
    json.put("features", config.features());
    SparsitySettings.write(config.sparsity(), json);
    InitialDirectionsSettings.write(config.start(), json);
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
  public static TrainingConfig read(JsonNode json, Path file) throws IOException {
    ObjectNode whole = JSON.createObjectNode();
    whole.set("config", json);
    return read(
        Fields.of(file.toString(), whole, "restore it or start a new run").object("config"));
  }

  /** The configuration that {@link #write} wrote. */
  public static TrainingConfig read(Fields json) throws IOException {
    return json.build(
        () ->
            new TrainingConfig(
                json.text("hook"),
                KindSettings.read(json),
                json.integer("features", 1, MOST),
                SparsitySettings.read(json),
                InitialDirectionsSettings.read(json),
                json.flag("centre"),
                json.flag("normalise"),
                json.flag("normSearch", true),
                json.flag("rankByDecoderNorm"),
                Optimiser.ofLabel(json.text("optimiser")),
                json.real("learningRate"),
                json.real("beta1"),
                json.real("beta2"),
                json.real("epsilon"),
                json.integer("batch", 1, MOST),
                json.whole("steps", 0, Long.MAX_VALUE),
                json.whole("warmupSteps", 0, Long.MAX_VALUE),
                json.whole("decaySteps", 0, Long.MAX_VALUE),
                json.whole("seed", Long.MIN_VALUE, Long.MAX_VALUE),
                json.whole("deadWindowTokens", 1, Long.MAX_VALUE),
                json.whole("checkpointEvery", 0, Long.MAX_VALUE),
                json.whole("logEvery", 0, Long.MAX_VALUE),
                json.integer("sampleRows", 1, MOST),
                // Runs that do not say took every row.
                OptionalInt.of(json.integer("fromPosition", 0, MOST, 0)),
                json.whole(
                    "dataSeed",
                    Long.MIN_VALUE,
                    Long.MAX_VALUE,
                    json.whole("seed", Long.MIN_VALUE, Long.MAX_VALUE)),
                // Runs of before tokens were held out trained on all.
                RunRows.share(json),
                json.has("remedies")
                    ? json.object("remedies").record(Remedies.class)
                    : Remedies.NONE));
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

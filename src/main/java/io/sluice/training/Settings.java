package io.sluice.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.spec.Optimiser;
import io.sluice.files.Fields;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.Kind;
import io.sluice.training.config.Remedies;
import io.sluice.training.config.Schedule;
import io.sluice.training.config.SparsitySettings;
import io.sluice.training.config.Start;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.RunRows;
import io.sluice.training.run.RunStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalInt;

/** Converts a training configuration to the flat {@code config} of {@code run.json}, and back. */
public final class Settings {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String BATCH = "batch";
  private static final String DEAD_WINDOW = "deadWindowTokens";
  private static final int MOST = Integer.MAX_VALUE;

  private Settings() {}

  public static ObjectNode write(TrainingConfig config, ActivationStore store, String engine)
      throws IOException {
    ObjectNode json = JSON.createObjectNode();
    json.put("hook", config.hook());
    config.kind().write(json);
    json.put("features", config.features());
    SparsitySettings.write(config.sparsity(), json);
    config.start().write(json);
    json.put("centre", config.centre());
    json.put("normalise", config.normalise());
    json.put("normSearch", config.normSearch());
    json.put("rankByDecoderNorm", config.scoreByDecoderNorm());
    json.put("optimiser", config.optimiser().label());
    if (config.moments() != DType.F32) {
      json.put("moments", config.moments().label());
    }
    if (config.precision() != DType.F32) {
      json.put("precision", config.precision().label());
    }
    config.schedule().writeSteps(json, BATCH);
    json.put("seed", config.seed());
    config.schedule().writeCadence(json, DEAD_WINDOW);
    json.put("sampleRows", config.sampleRows());
    json.put("fromPosition", config.firstPosition(store));
    json.put("dataSeed", config.dataSeed());
    RunRows.write(config.heldOut(store), json);
    Remedies remedies = config.remedies();
    if (!remedies.equals(Remedies.NONE)) {
      json.set("remedies", JSON.valueToTree(remedies));
    }
    json.put("engine", engine);
    RunStore.write(store, json);
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
                Kind.read(json),
                json.integer("features", 1, MOST),
                SparsitySettings.read(json),
                Start.read(json),
                json.flag("centre"),
                json.flag("normalise"),
                json.flag("normSearch", true),
                json.flag("rankByDecoderNorm"),
                Optimiser.ofLabel(json.text("optimiser")),
                DType.ofLabel(json.text("moments", DType.F32.label())),
                DType.ofLabel(json.text("precision", DType.F32.label())),
                Schedule.read(json, BATCH, DEAD_WINDOW),
                json.whole("seed", Long.MIN_VALUE, Long.MAX_VALUE),
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
}

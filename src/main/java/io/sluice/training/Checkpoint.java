package io.sluice.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.Engine;
import io.sluice.training.run.RunPosition;
import io.sluice.training.run.StateFile;
import io.sluice.training.run.Tally;
import io.sluice.training.start.StartingPoint;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The contents of a dictionary's checkpoint in addition to the state of the engine.
 *
 * @param position the number of steps and tokens so far, and sums for the metrics
 * @param start the results of the sample before the first step
 * @param threshold the running threshold of BatchTopK
 * @param annealing the current weight of p-annealing
 */
record Checkpoint(
    RunPosition position,
    StartingPoint start,
    RunningThreshold threshold,
    PenaltyAnnealing annealing) {
  private static final String KEY = "checkpoint";
  private static final String FORMAT = "sluice.checkpoint/1";
  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * Writes {@code engine} at this moment into {@code folder}.
   *
   * @param keep how many checkpoints stay when the run has ended
   */
  void write(Path folder, Engine engine, int keep) throws IOException {
    Tally tally = position.tally();
    ObjectNode json = JSON.createObjectNode();
    json.put("format", FORMAT);
    json.put("engine", engine.name());
    json.put("step", position.step());
    json.put("tokens", position.tokens());
    json.put("seconds", position.seconds());
    json.set("start", JSON.valueToTree(start));
    json.put("squaredError", tally.squaredError());
    json.put("codes", tally.codes());
    json.put("rows", tally.tokens());
    json.put("thresholdMean", threshold.mean());
    json.put("thresholdBatches", threshold.batches());
    json.put("penaltyFactor", annealing.factor());
    json.put("chargedBefore", annealing.before());
    json.put("chargedAfter", annealing.after());
    StateFile.write(
        folder, position.step(), keep, state(engine), KEY, JSON.writeValueAsString(json));
  }

  /**
   * Puts the newest checkpoint of {@code folder} into {@code engine}.
   *
   * @return where the run stood, or null if the folder has no checkpoint
   * @throws IOException if the file is damaged or belongs to another engine or dictionary; the
   *     message names it and what to do
   */
  static Checkpoint restoreNewest(Path folder, Engine engine) throws IOException {
    return StateFile.restoreNewest(
        folder,
        state(engine),
        KEY,
        text -> read(JSON.readTree(text), engine.name()),
        "delete it to start the run again");
  }

  /**
   * Puts the parameters of a checkpoint into an engine without an optimiser, whichever engine wrote
   * it.
   *
   * @throws IOException if the file is damaged, or of another dictionary
   */
  static Checkpoint read(Path file, Engine engine) throws IOException {
    return StateFile.restore(file, state(engine), KEY, text -> read(JSON.readTree(text)));
  }

  private static StateFile.State state(Engine engine) {
    return new StateFile.State(engine.state(), engine::read, engine::write);
  }

  private static Checkpoint read(JsonNode json, String engine) throws IOException {
    Checkpoint checkpoint = read(json);
    String writer = json.path("engine").asText();
    if (!writer.equals(engine)) {
      throw new IOException(
          "written by engine '%s', but this is '%s'; resume with the same engine and device"
              .formatted(writer, engine));
    }
    return checkpoint;
  }

  private static Checkpoint read(JsonNode json) throws IOException {
    String format = json.path("format").asText();
    if (!format.equals(FORMAT)) {
      throw new IOException("format is '" + format + "', expected " + FORMAT);
    }
    return new Checkpoint(
        new RunPosition(
            json.required("step").asLong(),
            json.required("tokens").asLong(),
            json.required("seconds").asDouble(),
            new Tally(
                json.required("squaredError").asDouble(),
                json.required("codes").asLong(),
                json.required("rows").asLong())),
        JSON.treeToValue(json.required("start"), StartingPoint.class),
        // Checkpoints of before BatchTopK have none.
        new RunningThreshold(
            json.path("thresholdMean").asDouble(), json.path("thresholdBatches").asLong()),
        new PenaltyAnnealing(
            json.path("penaltyFactor").asDouble(1),
            json.path("chargedBefore").asDouble(),
            json.path("chargedAfter").asDouble()));
  }
}

package io.sluice.training;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.dictionary.VerifiedTensors;
import io.sluice.engine.Engine;
import io.sluice.engine.spec.StateTensor;
import io.sluice.files.StrictJson;
import io.sluice.training.start.StartingPoint;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A moment of training on disk: {@code checkpoint-<step>.safetensors} holds the engine's whole
 * state, and in its metadata where the run stands, all under checksums. Files are written under a
 * temporary name, flushed and renamed, and the one before is kept, so that a run killed at any
 * moment has a good one.
 *
 * @param step steps done
 * @param tokens tokens seen
 * @param seconds training time so far
 * @param start what the sample said
 * @param tally sums since the last line of metrics
 * @param threshold what BatchTopK has found so far
 * @param annealing what p-annealing has made of the penalty's weight
 */
public record Checkpoint(
    long step,
    long tokens,
    double seconds,
    StartingPoint start,
    Tally tally,
    RunningThreshold threshold,
    PenaltyAnnealing annealing) {
  private static final String FORMAT = "sluice.checkpoint/1";
  private static final Pattern NAME = Pattern.compile("checkpoint-(\\d{1,18})\\.safetensors");
  private static final int KEPT = 2;
  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * Writes {@code engine} at this moment into {@code folder}, and drops all but two checkpoints.
   */
  void write(Path folder, Engine engine) throws IOException {
    ObjectNode json = JSON.createObjectNode();
    json.put("format", FORMAT);
    json.put("engine", engine.name());
    json.put("step", step);
    json.put("tokens", tokens);
    json.put("seconds", seconds);
    json.set("start", JSON.valueToTree(start));
    json.put("squaredError", tally.squaredError);
    json.put("codes", tally.codes);
    json.put("rows", tally.rows);
    json.put("thresholdMean", threshold.mean());
    json.put("thresholdBatches", threshold.batches());
    json.put("penaltyFactor", annealing.factor());
    json.put("chargedBefore", annealing.before());
    json.put("chargedAfter", annealing.after());
    try (Arena arena = Arena.ofShared()) {
      List<TensorData> tensors = new ArrayList<>();
      for (StateTensor tensor : engine.state()) {
        tensors.add(
            TensorData.of(
                tensor.name(), tensor.dtype(), engine.read(tensor, arena), shape(tensor)));
      }
      VerifiedTensors.write(
          folder.resolve(String.format(Locale.ROOT, "checkpoint-%09d.safetensors", step)),
          tensors,
          Map.of("checkpoint", JSON.writeValueAsString(json)));
    }
    List<Path> all = list(folder);
    for (Path old : all.subList(Math.min(KEPT, all.size()), all.size())) {
      Files.deleteIfExists(old);
    }
  }

  /** The checkpoints of a folder, newest first. */
  public static List<Path> list(Path folder) throws IOException {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "checkpoint-*")) {
      for (Path file : files) {
        if (NAME.matcher(file.getFileName().toString()).matches()) {
          found.add(file);
        }
      }
    }
    found.sort(Comparator.comparingLong(Checkpoint::stepOf).reversed());
    return found;
  }

  private static long stepOf(Path file) {
    Matcher name = NAME.matcher(file.getFileName().toString());
    return name.matches() ? Long.parseLong(name.group(1)) : -1;
  }

  /**
   * Puts the newest checkpoint of {@code folder} into {@code engine}.
   *
   * @return where the run stood, or null if the folder has no checkpoint
   * @throws IOException if the file is damaged or belongs to another engine or dictionary; the
   *     message names it and what to do
   */
  static Checkpoint restoreNewest(Path folder, Engine engine) throws IOException {
    List<Path> all = list(folder);
    if (all.isEmpty()) {
      return null;
    }
    Path file = all.getFirst();
    try {
      return restore(file, engine);
    } catch (IOException e) {
      String remedy =
          all.size() > 1
              ? "or delete it to continue from " + all.get(1).getFileName()
              : "or delete it to start the run again";
      String message = e.getMessage();
      throw new IOException(
          (message.contains(file.getFileName().toString()) ? "" : file + ": ")
              + message
              + "; "
              + remedy,
          e);
    }
  }

  private static Checkpoint restore(Path file, Engine engine) throws IOException {
    Safetensors tensors = VerifiedTensors.open(file);
    String text = tensors.metadata().get("checkpoint");
    if (text == null) {
      throw new IOException(file + ": not a checkpoint of a training run");
    }
    Checkpoint checkpoint;
    try {
      JsonNode json = JSON.readTree(text);
      if (!json.path("format").asText().equals(FORMAT)) {
        throw new IOException(
            file + ": format is '" + json.path("format").asText() + "', expected " + FORMAT);
      }
      String writer = json.path("engine").asText();
      if (!writer.equals(engine.name())) {
        throw new IOException(
            "%s: written by engine '%s', but this is '%s'; resume with the same engine and device"
                .formatted(file, writer, engine.name()));
      }
      Tally tally = new Tally();
      tally.squaredError = json.required("squaredError").asDouble();
      tally.codes = json.required("codes").asLong();
      tally.rows = json.required("rows").asLong();
      checkpoint =
          new Checkpoint(
              json.required("step").asLong(),
              json.required("tokens").asLong(),
              json.required("seconds").asDouble(),
              JSON.treeToValue(json.required("start"), StartingPoint.class),
              tally,
              // Checkpoints of before BatchTopK have none.
              new RunningThreshold(
                  json.path("thresholdMean").asDouble(), json.path("thresholdBatches").asLong()),
              new PenaltyAnnealing(
                  json.path("penaltyFactor").asDouble(1),
                  json.path("chargedBefore").asDouble(),
                  json.path("chargedAfter").asDouble()));
    } catch (JsonProcessingException | IllegalArgumentException e) {
      String why =
          e instanceof JsonProcessingException json ? StrictJson.reason(json) : e.getMessage();
      throw new IOException(file + ": its description is damaged: " + why, e);
    }
    for (StateTensor tensor : engine.state()) {
      if (!tensors.names().contains(tensor.name())) {
        throw new IOException(file + ": tensor '" + tensor.name() + "' is missing");
      }
      var info = tensors.info(tensor.name());
      if (info.dtype() != tensor.dtype() || !Arrays.equals(info.shape(), shape(tensor))) {
        throw new IOException(
            "%s: tensor '%s' is %s %s, but this run has %s %s"
                .formatted(
                    file,
                    tensor.name(),
                    info.dtype().label(),
                    Arrays.toString(info.shape()),
                    tensor.dtype().label(),
                    tensor.shape()));
      }
      engine.write(tensor, tensors.data(tensor.name()));
    }
    return checkpoint;
  }

  private static long[] shape(StateTensor tensor) {
    return tensor.shape().stream().mapToLong(Long::longValue).toArray();
  }
}

package io.sluice.lorsa.training;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.VerifiedTensors;
import io.sluice.engine.spec.StateTensor;
import io.sluice.files.StrictJson;
import io.sluice.lorsa.engine.LorsaEngine;
import io.sluice.lorsa.engine.LorsaResult;
import io.sluice.training.run.RunFolder;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import io.sluice.weights.TensorInfo;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A moment of training on disk: {@code checkpoint-<step>.safetensors} holds weights, moments and
 * when heads last fired, and in its metadata where the run stands, all under checksums. The one
 * before is kept, so that a run killed at any moment has a good one.
 *
 * @param device where the run computes; another one would not end in the same bits
 * @param step steps done
 * @param tokens tokens seen
 * @param seconds training time so far
 * @param start what the sample said
 * @param tally sums since the last line of metrics
 */
record LorsaCheckpoint(
    String device,
    long step,
    long tokens,
    double seconds,
    LorsaStartingPoint start,
    LorsaResult tally) {
  private static final String KEY = "lorsa-checkpoint";
  private static final int KEPT = 2;
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Writes {@code engine} at this moment, and drops all but two checkpoints. */
  void write(RunFolder folder, LorsaEngine engine) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      List<TensorData> tensors = new ArrayList<>();
      for (StateTensor tensor : engine.state()) {
        tensors.add(
            TensorData.of(
                tensor.name(), tensor.dtype(), engine.read(tensor, arena), shape(tensor)));
      }
      VerifiedTensors.write(
          folder.path().resolve(String.format(Locale.ROOT, "checkpoint-%09d.safetensors", step)),
          tensors,
          Map.of(KEY, JSON.writeValueAsString(this)));
    }
    List<Path> all = folder.checkpoints();
    for (Path old : all.subList(Math.min(KEPT, all.size()), all.size())) {
      Files.deleteIfExists(old);
    }
  }

  /** What a folder's newest checkpoint says, before it is put into an engine; null for none. */
  static Path newest(RunFolder folder) throws IOException {
    List<Path> all = folder.checkpoints();
    return all.isEmpty() ? null : all.getFirst();
  }

  /**
   * Puts a checkpoint into {@code engine}.
   *
   * @throws IOException if the file is damaged or belongs to another device or Lorsa; the message
   *     names it and what to do
   */
  static LorsaCheckpoint restore(Path file, LorsaEngine engine) throws IOException {
    try {
      return read(file, engine);
    } catch (IOException e) {
      String message = e.getMessage();
      throw new IOException(
          (message.contains(file.getFileName().toString()) ? "" : file + ": ")
              + message
              + "; or delete it to continue from the checkpoint before, if there is one",
          e);
    }
  }

  private static LorsaCheckpoint read(Path file, LorsaEngine engine) throws IOException {
    Safetensors tensors = VerifiedTensors.open(file);
    String text = tensors.metadata().get(KEY);
    if (text == null) {
      throw new IOException(file + ": not a checkpoint of a Lorsa's training");
    }
    LorsaCheckpoint checkpoint;
    try {
      checkpoint = JSON.readValue(text, LorsaCheckpoint.class);
    } catch (JsonProcessingException e) {
      throw new IOException(file + ": its description is damaged: " + StrictJson.reason(e), e);
    }
    if (!engine.device().toString().equals(checkpoint.device())) {
      throw new IOException(
          "%s: written on device '%s', but this is '%s'; resume on the same device"
              .formatted(file, checkpoint.device(), engine.device()));
    }
    for (StateTensor tensor : engine.state()) {
      if (!tensors.names().contains(tensor.name())) {
        throw new IOException(file + ": tensor '" + tensor.name() + "' is missing");
      }
      TensorInfo info = tensors.info(tensor.name());
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

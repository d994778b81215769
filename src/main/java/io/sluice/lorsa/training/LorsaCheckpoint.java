package io.sluice.lorsa.training;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.lorsa.engine.LorsaEngine;
import io.sluice.training.run.RunPosition;
import io.sluice.training.run.StateFile;
import io.sluice.training.run.Tally;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The contents of a Lorsa's checkpoint in addition to weights, moments and the tokens at which
 * heads last fired.
 *
 * @param device the device of the run; on another one the result would not be the same bits
 * @param step steps done
 * @param tokens tokens seen
 * @param seconds training time so far
 * @param start the results of the sample before the first step
 * @param tally sums since the last line of metrics
 */
record LorsaCheckpoint(
    String device, long step, long tokens, double seconds, LorsaStartingPoint start, Tally tally) {
  private static final String KEY = "lorsa-checkpoint";
  private static final ObjectMapper JSON = new ObjectMapper();

  /** A checkpoint of an engine's run. */
  static LorsaCheckpoint of(LorsaEngine engine, RunPosition position, LorsaStartingPoint start) {
    return new LorsaCheckpoint(
        engine.device().toString(),
        position.step(),
        position.tokens(),
        position.seconds(),
        start,
        position.tally());
  }

  /** The progress of the run. */
  RunPosition position() {
    return new RunPosition(step, tokens, seconds, tally);
  }

  /**
   * Writes {@code engine} at this moment into {@code folder}.
   *
   * @param keep how many checkpoints stay when the run has ended
   */
  void write(Path folder, LorsaEngine engine, int keep) throws IOException {
    StateFile.write(folder, step, keep, state(engine), KEY, JSON.writeValueAsString(this));
  }

  /**
   * Puts the newest checkpoint of {@code folder} into {@code engine}.
   *
   * @return what it says, or null if the folder has none
   * @throws IOException if the file is damaged or belongs to another device or Lorsa; the message
   *     names it and what to do
   */
  static LorsaCheckpoint restoreNewest(Path folder, LorsaEngine engine) throws IOException {
    return StateFile.restoreNewest(
        folder,
        state(engine),
        KEY,
        text -> read(text, engine.device().toString()),
        "start a new run in another folder");
  }

  private static StateFile.State state(LorsaEngine engine) {
    return new StateFile.State(engine.state(), engine::read, engine::write);
  }

  private static LorsaCheckpoint read(String text, String device) throws IOException {
    LorsaCheckpoint checkpoint = JSON.readValue(text, LorsaCheckpoint.class);
    if (!device.equals(checkpoint.device())) {
      throw new IOException(
          "written on device '%s', but this is '%s'; resume on the same device"
              .formatted(checkpoint.device(), device));
    }
    return checkpoint;
  }
}

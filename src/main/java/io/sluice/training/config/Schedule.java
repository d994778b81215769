package io.sluice.training.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.spec.AdamStep;
import io.sluice.files.Fields;
import java.io.IOException;

/**
 * The length of a run, its batch size and learning rate, and the intervals of metrics and
 * checkpoints.
 *
 * @param learningRate peak learning rate of Adam
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon ε of Adam
 * @param batch tokens per step; for a Lorsa, contexts per step
 * @param steps optimiser steps
 * @param warmupSteps steps over which the learning rate rises linearly from 0
 * @param decaySteps last steps, over which it falls linearly to 0
 * @param deadWindow tokens after which a feature that did not fire counts as dead; 0 where it is
 *     still to follow from the length of the run, {@link #usualDeadWindow}
 * @param checkpointEvery steps between checkpoints; 0 for none
 * @param logEvery steps between lines of metrics
 * @param keepCheckpoints how many of the newest checkpoints stay when the run has ended; while it
 *     lasts, two stay or as many
 * @param tensorBoard whether lines of metrics are written for TensorBoard, too
 */
public record Schedule(
    double learningRate,
    double beta1,
    double beta2,
    double epsilon,
    int batch,
    long steps,
    long warmupSteps,
    long decaySteps,
    long deadWindow,
    long checkpointEvery,
    long logEvery,
    int keepCheckpoints,
    boolean tensorBoard) {
  private static final long LONGEST_USUAL_DEAD_WINDOW = 10_000_000;
  private static final String KEEP = "keepCheckpoints";
  private static final String TENSOR_BOARD = "tensorBoard";

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of range, or warm-up and decay do not fit
   */
  public Schedule {
    if (!(learningRate > 0) || Double.isInfinite(learningRate)) {
      throw new IllegalArgumentException("learning rate must be positive, not " + learningRate);
    }
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
      throw new IllegalArgumentException("betas must lie in [0, 1): " + beta1 + " and " + beta2);
    }
    if (!(epsilon > 0)) {
      throw new IllegalArgumentException("epsilon must be positive, not " + epsilon);
    }
    atLeast("batch", batch, 1);
    atLeast("steps", steps, 1);
    atLeast("warm-up steps", warmupSteps, 0);
    atLeast("decay steps", decaySteps, 0);
    if (warmupSteps + decaySteps > steps) {
      throw new IllegalArgumentException(
          "warm-up (%d steps) and decay (%d steps) do not fit into %d steps"
              .formatted(warmupSteps, decaySteps, steps));
    }
    atLeast("dead window", deadWindow, 0);
    atLeast("steps between checkpoints", checkpointEvery, 0);
    atLeast("steps between metrics", logEvery, 1);
    atLeast("checkpoints to keep", keepCheckpoints, 0);
    if (keepCheckpoints > 0 && checkpointEvery == 0) {
      throw new IllegalArgumentException(
          "no checkpoints are written, so %d cannot be kept; give the steps between checkpoints"
              .formatted(keepCheckpoints));
    }
  }

  /** Adam with its usual numbers, no warm-up, a line of metrics every 25 steps. */
  public static Schedule of(long steps, int batch) {
    return new Schedule(1e-3, 0.9, 0.999, 1e-8, batch, steps, 0, 0, 0, 500, 25, 0, false);
  }

  /**
   * The dead window of a run over {@code tokens} that was given none: 10,000,000 tokens, or a
   * quarter of the run if that is less.
   */
  public static long usualDeadWindow(long tokens) {
    return Math.clamp(tokens / 4, 1, LONGEST_USUAL_DEAD_WINDOW);
  }

  /** The same with another dead window. */
  public Schedule withDeadWindow(long tokens) {
    return new Schedule(
        learningRate,
        beta1,
        beta2,
        epsilon,
        batch,
        steps,
        warmupSteps,
        decaySteps,
        tokens,
        checkpointEvery,
        logEvery,
        keepCheckpoints,
        tensorBoard);
  }

  /** The learning rate of step {@code step}, counted from 1. */
  public double learningRate(long step) {
    double rate = learningRate;
    if (step < warmupSteps) {
      rate *= (double) step / warmupSteps;
    }
    long left = steps - step + 1;
    if (left < decaySteps) {
      rate *= (double) left / decaySteps;
    }
    return rate;
  }

  /** Adam's step number {@code step}, counted from 1. */
  public AdamStep adam(long step) {
    return new AdamStep(step, learningRate(step), beta1, beta2, epsilon);
  }

  /**
   * Writes the settings that determine the steps into the configuration of a run.
   *
   * @param batchName the field of {@code batch}
   */
  public void writeSteps(ObjectNode json, String batchName) {
    json.put("learningRate", learningRate);
    json.put("beta1", beta1);
    json.put("beta2", beta2);
    json.put("epsilon", epsilon);
    json.put(batchName, batch);
    json.put("steps", steps);
    json.put("warmupSteps", warmupSteps);
    json.put("decaySteps", decaySteps);
  }

  /**
   * Writes the settings of metrics and checkpoints.
   *
   * @param windowName the field of {@code deadWindow}
   */
  public void writeCadence(ObjectNode json, String windowName) {
    json.put(windowName, deadWindow);
    json.put("checkpointEvery", checkpointEvery);
    json.put("logEvery", logEvery);
    if (keepCheckpoints > 0) {
      json.put(KEEP, keepCheckpoints);
    }
    if (tensorBoard) {
      json.put(TENSOR_BOARD, true);
    }
  }

  /**
   * Reads what {@link #writeSteps} and {@link #writeCadence} wrote.
   *
   * @throws IOException if a field is missing or out of range; the message names it
   */
  public static Schedule read(Fields json, String batchName, String windowName) throws IOException {
    return json.build(
        () ->
            new Schedule(
                json.real("learningRate"),
                json.real("beta1"),
                json.real("beta2"),
                json.real("epsilon"),
                json.integer(batchName, 1, Integer.MAX_VALUE),
                json.whole("steps", 0, Long.MAX_VALUE),
                json.whole("warmupSteps", 0, Long.MAX_VALUE),
                json.whole("decaySteps", 0, Long.MAX_VALUE),
                json.whole(windowName, 0, Long.MAX_VALUE),
                json.whole("checkpointEvery", 0, Long.MAX_VALUE),
                json.whole("logEvery", 0, Long.MAX_VALUE),
                json.integer(KEEP, 0, Integer.MAX_VALUE, 0),
                json.flag(TENSOR_BOARD, false)));
  }

  /**
   * Checks a number.
   *
   * @throws IllegalArgumentException if it is too small; the message has both numbers
   */
  public static void atLeast(String name, long value, long least) {
    if (value < least) {
      throw new IllegalArgumentException(name + " must be at least " + least + ", not " + value);
    }
  }
}

package io.sluice.engine.vector;

import io.sluice.memory.ScratchArrays;
import io.sluice.memory.Workers;

/**
 * Divides work on tokens and on features into tasks, independently of the number of threads, and
 * has the scratch arrays of each thread.
 */
final class VectorTasks {
  /** Features of one task: enough to make sharing cheap, few enough to share evenly. */
  private static final int TASK_FEATURES = 128;

  /** Tokens of one task. */
  private static final int TASK_TOKENS = 32;

  private final Workers workers;
  private final int features;
  private final ThreadLocal<Scratch> scratch = ThreadLocal.withInitial(Scratch::new);

  VectorTasks(Workers workers, int features) {
    this.workers = workers;
    this.features = features;
  }

  /** Arrays of one thread. */
  static final class Scratch {
    float[] gradient = new float[0];
    int[] tokens = new int[0];

    /** Rows of the residual's gradient, where these are not the tokens. */
    int[] residualRows = new int[0];

    float[] forDecoder = new float[0];
    float[] forEncoder = new float[0];

    void fit(int width, int places) {
      gradient = ScratchArrays.atLeast(gradient, width);
      tokens = ScratchArrays.atLeast(tokens, places);
      residualRows = ScratchArrays.atLeast(residualRows, places);
      forDecoder = ScratchArrays.atLeast(forDecoder, places);
      forEncoder = ScratchArrays.atLeast(forEncoder, places);
    }
  }

  /** What is done with some tokens. */
  @FunctionalInterface
  interface Tokens {
    void run(int first, int end);
  }

  /** What is done with the features of a task. */
  @FunctionalInterface
  interface Features {
    void run(int task, int first, int end);
  }

  /** The arrays of this thread. */
  Scratch scratch() {
    return scratch.get();
  }

  /** How many tasks {@link #forFeatures} makes. */
  int featureTasks() {
    return Math.ceilDiv(features, TASK_FEATURES);
  }

  void forTokens(int rows, Tokens body) {
    workers.run(
        Math.ceilDiv(rows, TASK_TOKENS),
        task -> body.run(task * TASK_TOKENS, Math.min(rows, (task + 1) * TASK_TOKENS)));
  }

  void forFeatures(Features body) {
    workers.run(
        featureTasks(),
        task ->
            body.run(task, task * TASK_FEATURES, Math.min(features, (task + 1) * TASK_FEATURES)));
  }
}

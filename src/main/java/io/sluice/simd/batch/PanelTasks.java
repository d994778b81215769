package io.sluice.simd.batch;

import io.sluice.memory.Workers;

/**
 * A batch of tokens cut into tasks of whole panels. A task's panels stay in the second-level cache
 * while all weights are read.
 *
 * @param count tokens of the batch
 * @param perTask tokens of a task, except the last
 * @param tasks number of tasks
 */
record PanelTasks(int count, int perTask, int tasks) {
  /**
   * Cuts a batch.
   *
   * @param panelWidth tokens of a panel
   * @param coordinates values of a packed token
   * @param taskBytes what the panels of a task may take
   */
  static PanelTasks of(int count, int panelWidth, int coordinates, int taskBytes, Workers workers) {
    int panels = Math.ceilDiv(count, panelWidth);
    int most = Math.max(1, taskBytes / (coordinates * panelWidth * Float.BYTES));
    // Two tasks a thread at least, as threads are seldom equally fast; and as many for each thread.
    int threads = workers.threads();
    int tasks = Math.max(2 * threads, Math.ceilDiv(panels, most));
    int perTask = Math.max(1, Math.ceilDiv(panels, Math.ceilDiv(tasks, threads) * threads));
    return new PanelTasks(count, perTask * panelWidth, Math.ceilDiv(panels, perTask));
  }

  /** The first token of a task. */
  int first(int task) {
    return task * perTask;
  }

  /** Where the tokens of a task end. */
  int end(int task) {
    return Math.min(count, first(task) + perTask);
  }
}

package io.sluice.model.cpu;

import io.sluice.memory.Workers;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Collects the steps of a forward pass that work row by row until something needs all rows at once.
 * Then each thread takes some rows through all steps, so that the result of one step is still in a
 * core's cache when the next step reads it, and threads wait for each other once instead of at
 * every step.
 */
final class RowSteps {
  /** Rows that go through the steps together: so many make products fast, and stay in a cache. */
  private static final int MOST_ROWS = 256;

  /** Pieces become smaller towards the end, so that threads end together, but no smaller. */
  private static final int LEAST_ROWS = 96;

  /** With fewer for each thread, rows stay together and threads share each product's columns. */
  private static final int FEW_ROWS = 16;

  /** Whole tiles of any of the own kernels. */
  private static final int TILE = 12;

  private static final Workers ALONE = Workers.of(1);

  private final Workers workers;
  private final int rows;
  private final int[] firstRows;
  private final List<Step> steps = new ArrayList<>();

  /** One step. */
  @FunctionalInterface
  interface Step {
    /**
     * Takes some rows.
     *
     * @param first the first of them
     * @param count how many
     * @param workers who may share the work
     */
    void run(int first, int count, Workers workers);
  }

  /**
   * @param workers who share the rows
   * @param rows of the whole pass
   */
  RowSteps(Workers workers, int rows) {
    this.workers = workers;
    this.rows = rows;
    this.firstRows = pieces(rows, workers.threads());
  }

  /** Puts a step behind those that wait; what it reads of a row, they may have written. */
  void add(Step step) {
    steps.add(step);
  }

  /** Runs the steps that wait. */
  void run() {
    List<Step> taken = List.copyOf(steps);
    steps.clear();
    if (taken.isEmpty()) {
      return;
    }
    if (rows < FEW_ROWS * workers.threads()) {
      for (Step step : taken) {
        step.run(0, rows, workers);
      }
      return;
    }
    workers.run(
        firstRows.length - 1,
        piece -> {
          int first = firstRows[piece];
          int count = firstRows[piece + 1] - first;
          for (Step step : taken) {
            step.run(first, count, ALONE);
          }
        });
  }

  /** Where pieces begin, and the end. */
  private static int[] pieces(int rows, int threads) {
    IntStream.Builder firsts = IntStream.builder().add(0);
    for (int first = 0; first < rows; ) {
      int left = rows - first;
      int even = Math.ceilDiv(left, threads);
      int share = Math.clamp(even * 2L / 3, Math.min(LEAST_ROWS, even), MOST_ROWS);
      first += Math.min(left, Math.ceilDiv(share, TILE) * TILE);
      firsts.add(first);
    }
    return firsts.build().toArray();
  }
}

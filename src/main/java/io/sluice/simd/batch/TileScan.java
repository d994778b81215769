package io.sluice.simd.batch;

import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.simd.NonFiniteWeightsException;
import io.sluice.simd.int8.Int8Product;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * The pass over all pairs of token and feature that selections by threshold share. Tokens are
 * divided into tasks; the result does not depend on the division.
 *
 * @param <S> the codes that a task collects
 */
final class TileScan<S extends FoundCodes> {
  /** Panels of one task: their tokens stay in the second-level cache while all weights pass by. */
  private static final int TASK_BYTES = 768 << 10;

  private final SparseKernels kernels;
  private final Workers workers;
  private final Supplier<S> collectors;
  private final PreparedWeights table;
  private final Int8Choice choice = new Int8Choice(ScreenChoice.Allowed.ofProperty());
  private final List<ScanTask<S>> tasks = new ArrayList<>();

  TileScan(
      SparseKernels kernels,
      Workers workers,
      Supplier<? extends Int8Product> product,
      Supplier<S> collectors) {
    this.kernels = kernels;
    this.workers = workers;
    this.collectors = collectors;
    this.table = new PreparedWeights(kernels, workers, product);
  }

  /**
   * Sets the weights, or declares that they have changed.
   *
   * @param moved by feature, whether it may have changed; null if all may
   * @throws NonFiniteWeightsException as {@link PreparedWeights#measure}
   */
  void prepare(EncoderWeights weights, boolean[] moved) {
    boolean other = table.set(weights, moved);
    table.measure(other ? null : moved);
  }

  /** The weights that were prepared. */
  EncoderWeights weights() {
    EncoderWeights weights = table.weights();
    if (weights == null) {
      throw new IllegalStateException("no weights to encode with; prepare comes first");
    }
    return weights;
  }

  /** As {@link BatchEncoder#follower}. */
  BatchEncoder.Follower follower() {
    return table.follower();
  }

  /** The bounds in use: {@code int8} or {@code none}. */
  String screen() {
    return table.bounds();
  }

  /**
   * Collects the codes above their thresholds.
   *
   * @param tokens {@code [count, width]}
   * @param thresholds by feature; null if the collectors have one for all features
   * @param bounded whether few pairs will pass, so that int8 may be used
   * @return the number of tasks, which hold consecutive tokens
   * @throws NonFiniteException if a token has a value that is NaN or infinite
   */
  int scan(float[] tokens, int count, float[] thresholds, boolean bounded) {
    EncoderWeights weights = weights();
    if (bounded) {
      table.useRounded(choice.next(weights));
    }
    boolean int8 = bounded && table.rounded() != null;
    if (int8) {
      table.makeReady();
      table.shiftBiases(thresholds);
    }
    PanelTasks cut =
        PanelTasks.of(count, kernels.panelWidth(), weights.width(), TASK_BYTES, workers);
    while (tasks.size() < cut.tasks()) {
      tasks.add(new ScanTask<>(kernels, table, collectors.get()));
    }
    workers.run(
        cut.tasks(),
        number -> {
          int first = cut.first(number);
          int end = cut.end(number);
          NonFiniteException.requireFinite(tokens, first, end, weights.width());
          if (int8) {
            tasks.get(number).compare(tokens, first, end, thresholds != null);
          } else {
            tasks.get(number).multiply(tokens, first, end);
          }
        });
    if (int8) {
      double work = 0;
      for (int task = 0; task < cut.tasks(); task++) {
        work += tasks.get(task).work();
      }
      choice.judge(weights, count, work);
    }
    return cut.tasks();
  }

  /**
   * Of what a task found, keeps the scores above {@code least} and, in order of tokens and
   * features, the first {@code equal} that are equal to it.
   *
   * @return how many equal ones may still be kept
   */
  int keepLargest(int number, float least, int equal) {
    ScanTask<S> task = tasks.get(number);
    task.found.sort(task.tokens());
    return task.found.keepSorted(task.tokens(), least, equal);
  }

  /**
   * The codes that a task of the last scan found; its tokens are counted from the first of the
   * task.
   */
  S found(int task) {
    return tasks.get(task).found;
  }

  /** Puts what all tasks found into {@code out}, in order of tokens and features. */
  void collect(int taskCount, int count, SparseRows out) {
    long entries = 0;
    int[] starts = new int[taskCount];
    for (int task = 0; task < taskCount; task++) {
      starts[task] = (int) entries;
      entries += found(task).size();
      if (entries > Integer.MAX_VALUE - 8) {
        throw new IllegalArgumentException(
            "a batch of " + count + " tokens has over 2^31 codes; take fewer tokens at a time");
      }
    }
    out.begin(count, (int) entries);
    out.offsets()[0] = 0;
    workers.run(
        taskCount,
        number -> {
          ScanTask<S> task = tasks.get(number);
          S found = task.found;
          found.sort(task.tokens());
          int to = starts[number];
          for (int own = 0; own < task.tokens(); own++) {
            for (int place = found.start(own); place < found.start(own + 1); place++) {
              int entry = found.entry(place);
              out.features()[to] = found.feature(entry);
              out.values()[to++] = found.value(entry);
            }
            out.offsets()[task.first() + own + 1] = to;
          }
        });
  }
}

package io.sluice.simd.batch;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.ScratchArrays;
import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/**
 * The pass of all features by all tokens that threshold selections share: tokens lie in panels, and
 * a tile of pre-activations is compared with the lowest threshold of its features while it is in
 * registers. Only tiles in which something may pass are looked at feature by feature.
 *
 * <p>Tokens are cut into tasks, and what passes of a token does not depend on the cut.
 *
 * @param <S> what a task collects
 */
final class TileScan<S extends FoundCodes> {
  /** Panels of one task: their tokens stay in the second-level cache while all weights pass by. */
  private static final int TASK_BYTES = 768 << 10;

  private static final int TILE = SparseKernels.TILE_FEATURES;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final SparseKernels kernels;
  private final Workers workers;
  private final Supplier<S> collectors;
  private final List<Task<S>> tasks = new ArrayList<>();

  /** A share of the tokens and the memory to work on it. */
  private static final class Task<S> {
    final S found;
    int first;
    int end;
    final GrowingMemory panelMemory = new GrowingMemory();
    MemorySegment panels = MemorySegment.NULL;
    float[] rows = new float[0];
    float[] tile = new float[0];
    final float[] bias = new float[TILE];
    final float[] factors = new float[TILE];

    /** The lowest threshold of a tile, then one after the other those of its features, by lane. */
    float[] thresholds = new float[0];

    Task(S found) {
      this.found = found;
    }

    void fit(int width, int lanes, int panelCount) {
      panels = panelMemory.of((long) lanes * panelCount, width);
      rows = ScratchArrays.atLeast(rows, width * TILE);
      tile = ScratchArrays.atLeast(tile, lanes * TILE);
      thresholds = ScratchArrays.atLeast(thresholds, lanes * (TILE + 1));
    }
  }

  TileScan(SparseKernels kernels, Workers workers, Supplier<S> collectors) {
    this.kernels = kernels;
    this.workers = workers;
    this.collectors = collectors;
  }

  /**
   * Collects what passes.
   *
   * @param tokens {@code [count, width]}
   * @return the number of tasks, which hold consecutive tokens
   * @throws NonFiniteException if a token has a value that is NaN or infinite
   */
  int scan(EncoderWeights weights, float[] tokens, int count) {
    PanelTasks cut =
        PanelTasks.of(count, kernels.panelWidth(), weights.width(), TASK_BYTES, workers);
    while (tasks.size() < cut.tasks()) {
      tasks.add(new Task<>(collectors.get()));
    }
    workers.run(
        cut.tasks(),
        number -> {
          Task<S> task = tasks.get(number);
          task.first = cut.first(number);
          task.end = cut.end(number);
          int share = Math.ceilDiv(task.end - task.first, kernels.panelWidth());
          task.fit(weights.width(), kernels.panelWidth(), share);
          task.found.clear();
          pack(task, tokens, count, weights.width(), share);
          pass(task, weights, share);
        });
    return cut.tasks();
  }

  private void pack(Task<S> task, float[] tokens, int count, int width, int share) {
    NonFiniteException.requireFinite(tokens, task.first, task.end, width);
    int lanes = kernels.panelWidth();
    for (int p = 0; p < share; p++) {
      kernels.packTokens(
          tokens, task.first + p * lanes, count, width, task.panels, (long) p * width * lanes);
    }
  }

  private void pass(Task<S> task, EncoderWeights weights, int share) {
    int lanes = kernels.panelWidth();
    int width = weights.width();
    int tokensHere = task.end - task.first;
    for (int feature = 0; feature < weights.features(); feature += TILE) {
      int rows = Math.min(TILE, weights.features() - feature);
      MemorySegment.copy(
          weights.rows(), FLOAT, (long) feature * width * Float.BYTES, task.rows, 0, rows * width);
      Arrays.fill(task.rows, rows * width, TILE * width, 0);
      // Features past the last one have a factor of 0 and so are above no threshold.
      Arrays.fill(task.factors, 0);
      System.arraycopy(weights.bias(), feature, task.bias, 0, rows);
      System.arraycopy(weights.factors(), feature, task.factors, 0, rows);
      setThresholds(task, feature, rows);
      for (int p = 0; p < share; p++) {
        if (kernels.encodeTile(
            task.rows,
            task.bias,
            task.factors,
            0,
            task.panels,
            (long) p * width * lanes,
            width,
            task.thresholds,
            0,
            task.tile)) {
          for (int i = 0; i < rows; i++) {
            float factor = task.factors[i];
            long passed =
                kernels.above(task.tile, i * lanes, factor, task.thresholds, (i + 1) * lanes);
            for (; passed != 0; passed &= passed - 1) {
              int lane = Long.numberOfTrailingZeros(passed);
              int token = p * lanes + lane;
              // Lanes past the last token hold zeros, which the bias alone may lift.
              if (token < tokensHere) {
                float value = task.tile[i * lanes + lane];
                task.found.add(token, feature + i, value, factor * value);
              }
            }
          }
        }
      }
    }
  }

  private void setThresholds(Task<S> task, int feature, int rows) {
    int lanes = kernels.panelWidth();
    float lowest = Float.POSITIVE_INFINITY;
    for (int i = 0; i < rows; i++) {
      float threshold = task.found.threshold(feature + i);
      lowest = Math.min(lowest, threshold);
      Arrays.fill(task.thresholds, (i + 1) * lanes, (i + 2) * lanes, threshold);
    }
    Arrays.fill(task.thresholds, 0, lanes, lowest);
  }

  /**
   * Of what a task found, keeps the factors above {@code least} and, in order of tokens and
   * features, the first {@code equal} that are equal to it.
   *
   * @return how many equal ones may still be kept
   */
  int keepLargest(int number, float least, int equal) {
    Task<S> task = tasks.get(number);
    S found = task.found;
    found.sort(task.end - task.first);
    return found.keepSorted(task.end - task.first, least, equal);
  }

  /** What a task of the last scan found; its tokens count from the task's first. */
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
          Task<S> task = tasks.get(number);
          S found = task.found;
          found.sort(task.end - task.first);
          int to = starts[number];
          for (int token = task.first; token < task.end; token++) {
            int own = token - task.first;
            for (int place = found.start(own); place < found.start(own + 1); place++) {
              int entry = found.entry(place);
              out.features()[to] = found.feature(entry);
              out.values()[to++] = found.value(entry);
            }
            out.offsets()[token + 1] = to;
          }
        });
  }
}
